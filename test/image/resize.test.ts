import { expect, test } from 'vitest'
import { cropImage, type Image } from '../../src/image/image.ts'
import {
  type Canvas,
  canvasOf,
  type Resample,
  resamples,
  resize,
  resizeWindow,
} from '../../src/image/resize.ts'
import { fixtureBytes, fixtureJson, numbered, picture } from './fixtures.ts'

interface Case {
  readonly picture: string
  readonly resample: Resample
  readonly width: number
  readonly height: number
  readonly rgb: string
}

test.each<Case>(fixtureJson('resize.json'))(
  '$picture resized to $width x $height by $resample equals Pillow to the byte',
  async ({ picture: name, resample, width, height, rgb }) => {
    const resized = resize(await picture(name), { width, height }, resample)
    expect(resized).toMatchObject({ width, height })
    expect(resized.data).toEqual(fixtureBytes(rgb))
  },
)

test.each(resamples)('a window resized by %s is that window of the whole picture resized', async resample => {
  const image = await picture('4x3')
  const size = { width: 29, height: 61 }
  const window = { x: 5, y: 17, width: 20, height: 31 }
  const whole = resize(image, size, resample)
  expect(resizeWindow(canvasOf(image), size, window, resample)).toEqual(cropImage(whole, window))
})

test('a window beyond the resized plane is black there', () => {
  const image = numbered(4, 4)
  const wider = resizeWindow(canvasOf(image), image, { x: -1, y: -2, width: 6, height: 7 }, 'bicubic')
  expect(cropImage(wider, { x: 1, y: 2, width: 4, height: 4 })).toEqual(image)
  const sum = (picture: Image) => picture.data.reduce((total, value) => total + value, 0)
  expect(sum(wider)).toBe(sum(image))
})

test.each(resamples)('a canvas resized by %s equals the same canvas painted out', async resample => {
  const image = await picture('4x3')
  const canvas: Canvas = { image, x: 3, y: 11, size: { width: 60, height: 58 }, colour: [122, 116, 104] }
  const window = { x: 0, y: 0, width: 23, height: 19 }
  expect(resizeWindow(canvas, window, window, resample)).toEqual(resize(paint(canvas), window, resample))
})

function paint({ image, x, y, size, colour }: Canvas): Image {
  const data = Uint8Array.from({ length: size.width * size.height * 3 }, (_, i) => colour[i % 3]!)
  for (let row = 0; row < image.height; row++) {
    const pixels = image.data.subarray(row * image.width * 3, (row + 1) * image.width * 3)
    data.set(pixels, ((y + row) * size.width + x) * 3)
  }
  return { ...size, data }
}

test('a line of 65,535 pixels is padded to a square and resized without painting that square', () => {
  const image: Image = { width: 65_535, height: 1, data: new Uint8Array(3 * 65_535).fill(200) }
  const canvas: Canvas = {
    image,
    x: 0,
    y: 32_767,
    size: { width: 65_535, height: 65_535 },
    colour: [10, 20, 30],
  }
  const window = { x: 0, y: 0, width: 8, height: 8 }
  expect(resizeWindow(canvas, window, window, 'bicubic').data.subarray(0, 6)).toEqual(
    Uint8Array.of(10, 20, 30, 10, 20, 30),
  )
})
