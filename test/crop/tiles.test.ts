import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blocksOf, joinMaps } from '../../src/crop/tiles.ts'

describe('blocks of high resolution', () => {
  it.each([
    // width, height -> columns, rows
    [500, 1000, 1, 2],
    [1000, 1000, 1, 1],
    [1024, 1024, 1, 1],
    [1025, 1024, 2, 2],
    [2040, 1024, 2, 1],
    [1536, 2048, 2, 3],
    [4000, 3000, 4, 3],
    [300, 8000, 1, 27],
    [8000, 300, 27, 1],
    [1, 1, 1, 1],
    [10, 12_000, 1, 47],
  ])('%i x %i are cut into %i x %i', (width, height, columns, rows) => {
    expect(blocksOf({ width, height })).toMatchObject({ columns, rows })
  })

  const side = fc.integer({ min: 1, max: 12_000 })

  it('cover the picture once, with none over 1024 on either side and none empty', () => {
    const property = fc.property(side, side, (width, height) => {
      const { boxes, rows, columns } = blocksOf({ width, height })
      expect(boxes).toHaveLength(rows * columns)
      expect(boxes.reduce((area, box) => area + box.width * box.height, 0)).toBe(width * height)
      for (const [i, box] of boxes.entries()) {
        expect(Math.max(box.width, box.height)).toBeLessThanOrEqual(1024)
        expect(Math.min(box.width, box.height)).toBeGreaterThan(0)
        const right = boxes[i + 1]
        if ((i + 1) % columns !== 0) expect(right).toMatchObject({ x: box.x + box.width, y: box.y })
        const below = boxes[i + columns]
        if (below !== undefined) expect(below).toMatchObject({ x: box.x, y: box.y + box.height })
      }
    })
    fc.assert(property, { numRuns: 300 })
  })

  it('are nearer to squares than three to two wherever the picture is not narrow', () => {
    const property = fc.property(
      fc.integer({ min: 256, max: 9000 }),
      fc.integer({ min: 256, max: 9000 }),
      (width, height) => {
        const { rows, columns } = blocksOf({ width, height })
        const aspect = width / columns / (height / rows)
        expect(Math.max(aspect, 1 / aspect)).toBeLessThanOrEqual(1.5)
      },
    )
    fc.assert(property, { numRuns: 300 })
  })
})

it('maps of blocks are joined as the blocks lie', () => {
  const maps = [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
    [9, 10, 11, 12],
    [13, 14, 15, 16],
  ].map(values => Float32Array.from(values))
  const joined = joinMaps(maps, { rows: 2, columns: 2 }, { rows: 2, columns: 2 })
  expect([...joined]).toEqual([1, 2, 5, 6, 3, 4, 7, 8, 9, 10, 13, 14, 11, 12, 15, 16])
})
