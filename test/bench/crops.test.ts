import fc from 'fast-check'
import { expect, it } from 'vitest'
import { centreCrop, humanCrop, randomCrop } from '../../src/bench/crops.ts'
import type { Box, Size } from '../../src/image/image.ts'

const image = { width: 100, height: 60 }

const holds = (outer: Box | Size, inner: Box): boolean => {
  const { x, y, width, height } = { x: 0, y: 0, ...outer }
  return (
    inner.x >= x && inner.y >= y && inner.x + inner.width <= x + width && inner.y + inner.height <= y + height
  )
}

it('a human crop is as large as the base, around the middle of a small box', () => {
  expect(humanCrop([{ x: 40, y: 20, width: 10, height: 6 }], 20, image)).toEqual({
    x: 35,
    y: 13,
    width: 20,
    height: 20,
  })
})

it('a human crop is pushed inside the picture', () => {
  expect(humanCrop([{ x: 97, y: 0, width: 3, height: 2 }], 20, image)).toEqual({
    x: 80,
    y: 0,
    width: 20,
    height: 20,
  })
})

it('a human crop is as large as the boxes together', () => {
  const boxes = [
    { x: 10, y: 10, width: 5, height: 5 },
    { x: 40.5, y: 20, width: 4.2, height: 5 },
  ]
  expect(humanCrop(boxes, 20, image)).toEqual({ x: 10, y: 0, width: 35, height: 35 })
})

it('a human crop holds every box that a square in the picture can hold', () => {
  const side = fc.double({ min: 0.1, max: 60, noNaN: true })
  const place = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(
      side,
      side,
      place,
      place,
      fc.integer({ min: 1, max: 60 }),
      (width, height, left, top, base) => {
        const box = { x: left * (100 - width), y: top * (60 - height), width, height }
        const crop = humanCrop([box], base, image)
        // A box that touches 61 pixels is in no square of 60.
        fc.pre(Math.ceil(box.x + width) - Math.floor(box.x) <= 60)
        expect(crop.width).toBe(crop.height)
        expect(Object.values(crop).every(Number.isInteger)).toBe(true)
        expect(holds(crop, box) && holds(image, crop)).toBe(true)
      },
    ),
  )
})

it('a random crop depends on question and seed alone', () => {
  expect(randomCrop('7', 1, 20, image)).toEqual(randomCrop('7', 1, 20, image))
  const crops = [randomCrop('7', 1, 20, image), randomCrop('8', 1, 20, image), randomCrop('7', 2, 20, image)]
  expect(new Set(crops.map(crop => JSON.stringify(crop))).size).toBe(3)
})

it('random crops are inside the picture, from one to two times the base, and go everywhere', () => {
  const crops = Array.from({ length: 300 }, (_, i) => randomCrop(String(i), 1, 20, image))
  expect(crops.every(crop => holds(image, crop) && crop.width >= 20 && crop.width <= 40)).toBe(true)
  const centres = crops.map(({ x, width }) => x + width / 2)
  expect(Math.min(...centres)).toBeLessThan(15)
  expect(Math.max(...centres)).toBeGreaterThan(85)
  expect(new Set(crops.map(({ width }) => width)).size).toBeGreaterThan(15)
})

it('a centre crop is a square of the base, or of the shorter side', () => {
  expect(centreCrop(20, image)).toEqual({ x: 40, y: 20, width: 20, height: 20 })
  expect(centreCrop(80, image)).toEqual({ x: 20, y: 0, width: 60, height: 60 })
})
