import { describe, expect, it } from 'vitest'
import { tiling } from '../../src/image/geometry.ts'
import { cropImage, type Image } from '../../src/image/image.ts'
import { showCrop, showMap } from '../../src/image/show.ts'

/** Each pixel has its column and its row as red and green. */
const picture = (width: number, height: number): Image => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3)
    return [pixel % width, Math.floor(pixel / width), 0][i % 3] as number
  }),
})

const sizeOf = ({ width, height }: Image): string => `${width}x${height}`

describe('a crop that is shown', () => {
  const box = { x: 10, y: 20, width: 80, height: 50 }

  it.each([
    [200, 100, '200x125'],
    [100, 400, '400x250'],
    [2000, 100, '1024x640'],
  ])('has as many pixels on its longer side as the picture, at most 1024: %d x %d', (width, height, size) => {
    expect(sizeOf(showCrop(picture(width, height), box))).toBe(size)
  })

  it('shows what is in its box', () => {
    const { width, height, data } = showCrop(picture(80, 400), { x: 10, y: 20, width: 40, height: 40 })
    const middle = 3 * (width * (height / 2) + width / 2)
    expect([...data.subarray(middle, middle + 2)]).toEqual([30, 40])
  })

  it('is as it is where it is large enough', () => {
    const whole = picture(2000, 3)
    const part = { x: 1, y: 0, width: 1500, height: 3 }
    expect(showCrop(whole, part)).toEqual(cropImage(whole, part))
  })
})

describe('a map that is shown', () => {
  const mapOf = (image: Image) => ({
    values: [1, 1, 1, 9],
    geometry: tiling(image, { rows: 1, columns: 4 }),
  })

  it.each([
    [300, 30, '1200x120'],
    [1536, 10, '1536x10'],
    [3072, 20, '1536x10'],
    [4000, 1, '1536x1'],
  ])('of a picture of %d x %d pixels has %s', (width, height, size) => {
    const image = picture(width, height)
    expect(sizeOf(showMap(image, mapOf(image), null))).toBe(size)
  })

  it('has its frame and its glow at their places in a picture that was made smaller', () => {
    const image = { width: 3072, height: 1024, data: new Uint8Array(3072 * 1024 * 3) }
    const shown = showMap(image, mapOf(image), { x: 200, y: 400, width: 400, height: 400 })
    const at = (x: number, y: number): number[] => [...cropImage(shown, { x, y, width: 1, height: 1 }).data]
    // A frame of 3 pixels of black, 6 of white and 3 of black, from 100,200 on.
    expect([at(99, 250), at(101, 250), at(104, 250), at(108, 250)].map(([red]) => red)).toEqual([
      0, 0, 255, 255,
    ])
    expect(at(110, 250)).toEqual([0, 0, 0])
    // The glow is full in the middle of the last cell.
    expect((at(1344, 100)[0] as number) - (at(1000, 100)[0] as number)).toBeGreaterThan(100)
  })
})
