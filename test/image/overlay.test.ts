import { expect, test } from 'vitest'
import { cellToBox, type Geometry } from '../../src/image/geometry.ts'
import { type Box, cropImage, type Image } from '../../src/image/image.ts'
import { type HeatMap, overlay } from '../../src/image/overlay.ts'

const width = 90
const height = 60
const grey: Image = { width, height, data: new Uint8Array(width * height * 3).fill(100) }
const flat = new Float32Array(16).fill(3)

/** The central square is seen, by 4 x 4 cells. */
const geometry: Geometry = {
  source: { width, height },
  view: { x: 15, y: 0, width: 60, height: 60 },
  grid: { rows: 4, columns: 4 },
}

const peakAt = (cell: number): HeatMap => ({ values: flat.with(cell, 5), geometry })

const pixel = (image: Image, x: number, y: number): number[] => [
  ...cropImage(image, { x, y, width: 1, height: 1 }).data,
]

test('a flat map leaves the picture muted where it is seen and dark where not', () => {
  const drawn = overlay(grey, { values: flat, geometry }, null)
  expect(pixel(drawn, 14, 30)).toEqual([35, 35, 35])
  expect(pixel(drawn, 15, 30)).toEqual([90, 90, 90])
  expect(pixel(drawn, 74, 30)).toEqual([90, 90, 90])
  expect(pixel(drawn, 75, 30)).toEqual([35, 35, 35])
})

test('the glow is strongest in the middle of the highest cell and ends with its neighbours', () => {
  const drawn = overlay(grey, peakAt(6), null)
  const cell = cellToBox(geometry, { row: 1, column: 2 })
  const [x, y] = [Math.floor(cell.x + cell.width / 2), Math.floor(cell.y + cell.height / 2)]
  const brightness = (image: Image) =>
    Array.from({ length: width * height }, (_, i) => image.data[3 * i]! + image.data[3 * i + 1]!)
  const all = brightness(drawn)
  expect(all[y * width + x]).toBe(Math.max(...all))
  expect(pixel(drawn, x, y + 16)).toEqual([90, 90, 90])
  expect(pixel(drawn, x - 16, y)).toEqual([90, 90, 90])
})

test.each([Number.NaN, Number.POSITIVE_INFINITY])('a map with %s has no glow', value => {
  const drawn = overlay(grey, { values: flat.with(3, value), geometry }, null)
  expect(drawn).toEqual(overlay(grey, { values: flat, geometry }, null))
})

test('the crop is framed in black and white along the inside of its edge', () => {
  const crop: Box = { x: 20, y: 10, width: 30, height: 20 }
  const [plain, framed] = [overlay(grey, peakAt(6), null), overlay(grey, peakAt(6), crop)]
  const across = Array.from({ length: 6 }, (_, i) => pixel(framed, 19 + i, 20)[0])
  expect(across).toEqual([pixel(plain, 19, 20)[0], 0, 255, 255, 0, pixel(plain, 24, 20)[0]])
  expect(pixel(framed, 49, 29)).toEqual([0, 0, 0])
  expect(pixel(framed, 50, 29)).toEqual(pixel(plain, 50, 29))
})

test('the picture itself is not changed, and one pixel can be drawn on', () => {
  const one: Image = { width: 1, height: 1, data: Uint8Array.of(10, 20, 30) }
  const box = { x: 0, y: 0, width: 1, height: 1 }
  const whole = { source: one, view: box, grid: { rows: 1, columns: 1 } }
  expect(overlay(one, { values: [1], geometry: whole }, box)).toMatchObject({ width: 1, height: 1 })
  expect([...one.data]).toEqual([10, 20, 30])
})
