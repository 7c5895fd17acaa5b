import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, test } from 'vitest'
import { parseNativeProcessor, resizedSize } from '../../../src/models/qwen2_5_vl/processor.ts'

const file = fileURLToPath(new URL('../../fixtures/qwen2_5_vl/sizes.json', import.meta.url))
const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: number[][] }

it('a picture gets the size that the reference gives it', () => {
  expect(rows.length).toBeGreaterThan(100)
  for (const [cell, min, max, width, height, ...resized] of rows as [
    number,
    number,
    number,
    number,
    number,
    ...number[],
  ][]) {
    const size = resizedSize({ width, height }, cell, { min, max })
    expect([size.width, size.height], `${width}x${height} in cells of ${cell}`).toEqual(resized)
  }
})

test.each([
  [1, 201],
  [4001, 20],
])('a picture of %i x %i is refused in one sentence', (width, height) => {
  expect(() => resizedSize({ width, height }, 28, { min: 3136, max: 1_003_520 })).toThrow(
    `picture: ${width}x${height} has one side more than 200 times the other. Cut it into pieces.`,
  )
})

describe('the range of pixels', () => {
  test.each([
    ['left out', {}, { min: 3136, max: 1_003_520 }],
    ['by its first name', { min_pixels: 4, max_pixels: 5000 }, { min: 4, max: 5000 }],
    ['as a size', { size: { shortest_edge: 9, longest_edge: 99 } }, { min: 9, max: 99 }],
    [
      'both ways, of which the first wins',
      { max_pixels: 50, size: { shortest_edge: 9, longest_edge: 99 } },
      { min: 9, max: 50 },
    ],
  ])('is read when %s', (_, fields, pixels) => {
    expect(parseNativeProcessor(fields).pixels).toEqual(pixels)
    expect(parseNativeProcessor({ image_processor: fields }).pixels).toEqual(pixels)
  })
})
