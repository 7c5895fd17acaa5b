import fc from 'fast-check'
import { beforeAll, describe, expect, it, test } from 'vitest'
import { encodeAll, encodeImage } from '../../../src/encode.ts'
import { decodeImage } from '../../../src/image/decode-node.ts'
import { cropImage, type Image, type Size } from '../../../src/image/image.ts'
import type { Mllm } from '../../../src/mllm.ts'
import { defaultLayers } from '../../../src/models/qwen2_5_vl/model.ts'
import { Picture } from '../../../src/picture.ts'
import { ViCrop } from '../../../src/vicrop.ts'
import { randomArray } from '../../onnx/array.ts'
import { alteredFrom, setJson } from '../altered.ts'
import { relativeError } from '../fixtures.ts'
import { useModelAt } from '../open.ts'
import { modelPath, picturePath } from './fixtures.ts'

/** Squares of random colours, `side` pixels each. */
function mosaic(width: number, height: number, side: number): Image {
  const across = Math.ceil(width / side)
  const colours = randomArray([across * Math.ceil(height / side), 3], 5).data
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [pixel, channel] = [Math.floor(i / 3), i % 3]
    const square = Math.floor(pixel / width / side) * across + Math.floor((pixel % width) / side)
    return 127 * (1 + (colours[3 * square + channel] as number))
  })
  return { width, height, data }
}

const question = 'What is the colour of the small sign?'
const area = ({ width, height }: Size): number => width * height

describe('a model that takes pictures at their size', () => {
  const model = useModelAt(modelPath('base'))
  let mllm: Mllm
  beforeAll(() => {
    mllm = model()
  })
  const cellPx = 4
  const most = 4096

  const side = fc.integer({ min: 1, max: 400 })
  const shape = fc
    .tuple(side, side)
    .map(([width, height]) => ({ width, height }))
    .filter(({ width, height }) => Math.max(width, height) <= 30 * Math.min(width, height))

  it('sees a crop with as many pixels as the picture, to whole cells, in its proportions', () => {
    const property = fc.property(shape, shape, (picture, crop) => {
      const { input } = preprocessed(picture)
      const enlarged = mllm.model.vision.enlarged(crop, picture, 1000)
      const own = preprocessed(crop).input
      const seen = preprocessed(enlarged).input
      expect([seen.width, seen.height]).toEqual([enlarged.width, enlarged.height])
      expect(area(seen)).toBeLessThanOrEqual(Math.max(most, cellPx * Math.max(seen.width, seen.height)))
      const slack = cellPx * (seen.width + seen.height)
      expect(area(seen) + slack).toBeGreaterThanOrEqual(Math.min(area(input), most))
      expect(area(seen)).toBeLessThanOrEqual(Math.max(area(input), area(own)) + slack)
      expect(Math.abs(seen.width * crop.height - seen.height * crop.width)).toBeLessThanOrEqual(
        2 * cellPx * Math.max(crop.width, crop.height),
      )
    })
    fc.assert(property, { numRuns: 200 })
  })

  it('enlarges a crop no further than there is room, and leaves it where there is none', () => {
    const picture = { width: 60, height: 60 }
    for (let room = 10; room < 225; room += 5) {
      const enlarged = mllm.model.vision.enlarged({ width: 20, height: 13 }, picture, room)
      expect(area(enlarged) / cellPx ** 2).toBeLessThanOrEqual(room)
      expect(area(enlarged) / cellPx ** 2).toBeGreaterThan(room / 2)
    }
    expect(mllm.model.vision.enlarged({ width: 20, height: 13 }, picture, 3)).toEqual({
      width: 20,
      height: 13,
    })
    expect(mllm.model.vision.enlarged({ width: 20, height: 13 }, picture, -5)).toEqual({
      width: 20,
      height: 13,
    })
  })

  const preprocessed = ({ width, height }: Size) => {
    const image = { width, height, data: new Uint8Array(width * height * 3) }
    return mllm.model.vision.preprocess(image).levels[0]!
  }

  it('encodes pictures of one size together as it does one by one', async () => {
    const image = await decodeImage(picturePath('wide'))
    const parts = [0, 20].map(x => cropImage(image, { x, y: 3, width: 31, height: 30 }))
    const together = await encodeAll(
      mllm,
      parts.map(part => mllm.model.vision.preprocess(part)),
    )
    for (const [i, part] of parts.entries()) {
      const alone = await encodeImage(mllm, part)
      const features = (together[i] as typeof alone).features.data
      expect(relativeError(features, alone.features.data)).toBeLessThan(1e-5)
    }
  })

  it('makes maps of blocks, each seen with as many pixels as the whole, of pictures that it is shown smaller', async () => {
    const image = mosaic(1100, 700, 50)
    using picture = await Picture.see(mllm, image)
    const whole = await picture.look(question, { highRes: 'off' })
    for (const method of ['rel-att', 'grad-att', 'pure-grad'] as const) {
      const look = await picture.look(question, { method })
      expect(look.blocks).toEqual({ rows: 1, columns: 2 })
      const { rows, columns, values, geometry } = look.importance as NonNullable<typeof look.importance>
      expect(geometry).toMatchObject({ view: { x: 0, y: 0, width: 1100, height: 700 } })
      const cells = whole.importance as NonNullable<typeof whole.importance>
      expect((rows * columns) / 2).toBeGreaterThan(0.85 * cells.rows * cells.columns)
      expect(values.every(value => Number.isFinite(value) && value >= 0)).toBe(true)
      expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(1, 3)
    }
  })
})

it('the most pixels may be fewer than the checkpoint says, or more', async () => {
  const image = mosaic(200, 100, 10)
  for (const [maxPixels, cells] of [
    [1024, 5 * 11],
    [3000, 9 * 19],
    [8000, 15 * 31],
  ] as const) {
    await using vicrop = await ViCrop.open(modelPath('base'), { maxPixels })
    using picture = await vicrop.see(image)
    const { importance } = await picture.look(question)
    expect(importance?.values.length).toBe(cells)
  }
})

it('a picture that the model is shown in full is cut into blocks only when asked for, however long it is', async () => {
  const larger = setJson('preprocessor_config.json', { max_pixels: 20_000 })
  await using vicrop = await ViCrop.open(alteredFrom(modelPath('base'), larger))
  using picture = await vicrop.see(mosaic(1030, 8, 4))
  const whole = await picture.look(question)
  expect([whole.blocks, whole.importance?.rows, whole.importance?.columns]).toEqual([null, 2, 258])
  expect((await picture.look(question, { highRes: 'on' })).blocks).not.toBeNull()
})

test.each([
  [36, [22]],
  [28, [18, 22, 24]],
  [64, [41, 50, 54]],
  [80, [51, 62, 68]],
  [3, [1, 2]],
  [1, [0]],
])('of %i layers those of the paper are read, or those as far on: %j', (depth, layers) => {
  expect(defaultLayers(depth)).toEqual(layers)
})
