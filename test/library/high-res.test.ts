import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blocksOf } from '../../src/crop/tiles.ts'
import { cellToBox } from '../../src/image/geometry.ts'
import { cropImage, type Image } from '../../src/image/image.ts'
import { type Look, type Method, ViCrop } from '../../src/index.ts'
import { modelPath } from '../models/fixtures.ts'
import { randomArray } from '../onnx/array.ts'

const question = 'What is the colour of the small sign?'

let vicrop: ViCrop
/** The same model, but for how it sees a picture that is not square. */
let stretching: ViCrop
beforeAll(async () => {
  vicrop = await ViCrop.open(modelPath('base'))
  stretching = await ViCrop.open(modelPath('base'), { fit: 'stretch' })
})
afterAll(() => Promise.all([vicrop.release(), stretching.release()]))

/** Squares of random colours, 50 pixels a side. */
function mosaic(width: number, height: number): Image {
  const across = Math.ceil(width / 50)
  const colours = randomArray([across * Math.ceil(height / 50), 3], 5).data
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const square = Math.floor(y / 50) * across + Math.floor(x / 50)
      for (let channel = 0; channel < 3; channel++)
        data[3 * (y * width + x) + channel] = 127 * (1 + (colours[3 * square + channel] as number))
    }
  }
  return { width, height, data }
}

const valuesOf = ({ importance }: Look): Float32Array => importance?.values as Float32Array

const sizes = [
  [500, 1000],
  [2040, 1024],
  [1536, 2048],
  [4000, 3000],
  [300, 8000],
] as const

describe.each(sizes)('a picture of %i x %i', (width, height) => {
  const image = mosaic(width, height)
  const blocks = blocksOf(image)

  it.each<Method>(['rel-att', 'grad-att', 'pure-grad'])(
    'has the maps of its blocks side by side: %s',
    async method => {
      using picture = await vicrop.see(image)
      const look = await picture.look(question, { method, highRes: 'on' })
      const { rows, columns, geometry } = look.importance as NonNullable<Look['importance']>
      expect(look.blocks).toEqual({ rows: blocks.rows, columns: blocks.columns })
      expect([rows, columns]).toEqual([8 * blocks.rows, 8 * blocks.columns])
      expect(geometry).toEqual({
        source: { width, height },
        view: { x: 0, y: 0, width, height },
        grid: { rows, columns },
      })
      for (const [i, box] of blocks.boxes.entries()) {
        using part = await stretching.see(cropImage(image, box))
        const alone = valuesOf(await part.look(question, { method, highRes: 'off' }))
        const mean = alone.reduce((sum, value) => sum + value, 0) / alone.length
        const [top, left] = [8 * Math.floor(i / blocks.columns), 8 * (i % blocks.columns)]
        for (let cell = 0; cell < 64; cell++) {
          const [row, column] = [top + Math.floor(cell / 8), left + (cell % 8)]
          const value = valuesOf(look)[row * columns + column] as number
          expect(value).toBeCloseTo((alone[cell] as number) / mean, 3)
        }
      }
    },
  )

  it('has its cells on the pixels that the model saw, to half a pixel', async () => {
    using picture = await vicrop.see(image)
    const { importance } = await picture.look(question, { highRes: 'on' })
    const { geometry } = importance as NonNullable<Look['importance']>
    for (const [i, block] of blocks.boxes.entries()) {
      for (const [row, column] of [
        [0, 0],
        [3, 5],
        [7, 7],
      ] as const) {
        const top = 8 * Math.floor(i / blocks.columns)
        const left = 8 * (i % blocks.columns)
        const box = cellToBox(geometry, { row: top + row, column: left + column })
        const seen = { x: block.x + (column * block.width) / 8, y: block.y + (row * block.height) / 8 }
        expect(Math.abs(box.x - seen.x)).toBeLessThanOrEqual(0.5)
        expect(Math.abs(box.y - seen.y)).toBeLessThanOrEqual(0.5)
      }
    }
  })
})

describe('a picture seen in blocks', () => {
  const image = mosaic(1100, 700)

  it('is so by itself where it is larger than a block, and as a whole if asked for', async () => {
    using picture = await vicrop.see(image)
    expect((await picture.look(question)).blocks).toEqual({ rows: 1, columns: 2 })
    const whole = await picture.look(question, { highRes: 'off' })
    expect([whole.blocks, whole.importance?.columns]).toEqual([null, 8])
  })

  it('has the plain answer of the whole, and answers from whole and crop', async () => {
    using picture = await vicrop.see(image)
    const plain = await picture.ask(question, { method: 'none' })
    const asked = await picture.ask(question, { highRes: 'on' })
    expect(asked.plainAnswer).toBe(plain.answer)
    expect(asked.timings.encodeBlocksMs).toBeGreaterThan(0)
    const given = await picture.ask(question, { crop: asked.crop as NonNullable<Look['crop']> })
    expect(given.answer).toBe(asked.answer)
  })

  it('gives the same map when asked again, after other questions and after its release', async () => {
    using picture = await vicrop.see(image)
    for (const method of ['rel-att', 'pure-grad'] as const) {
      const first = valuesOf(await picture.look(question, { method }))
      await picture.look('Is the door open?', { method: 'grad-att' })
      expect(valuesOf(await picture.look(question, { method }))).toEqual(first)
      picture.release()
      expect(valuesOf(await picture.look(question, { method }))).toEqual(first)
    }
  })

  it('says how many blocks are done', async () => {
    using picture = await vicrop.see(image)
    const parts: string[] = []
    await picture.look(question, {
      onProgress: (stage, part) =>
        parts.push(part === undefined ? stage : `${stage} ${part.done}/${part.total}`),
    })
    expect(parts).toEqual(['map', 'map 1/2', 'map 2/2'])
  })
})
