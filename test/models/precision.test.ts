import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import type { Method } from '../../src/importance/method.ts'
import { type Loaded, load, type OpenOptions } from '../../src/load-node.ts'
import { Picture } from '../../src/picture.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { altered, type HeaderEntry } from './altered.ts'
import { type CaseName, modelPath, picturePath, readExpected, relativeError } from './fixtures.ts'

// Weights in fewer bits: what is computed with them is what a float32 checkpoint of the very same numbers gives, forwards
// and backwards. How far those numbers are from the published ones is another matter, and measured on the demo model.

const methods = ['rel-att', 'grad-att', 'pure-grad'] as const
type Maps = Readonly<Record<Method, Float32Array>>

/** The maps of every method on a picture, those of attention of all layers. */
async function mapsOf({ mllm }: Loaded, question: string): Promise<Maps> {
  const image = await decodeImage(picturePath('wide'))
  const picture = await Picture.see(mllm, image)
  const layers = Array.from({ length: mllm.model.language.layers }, (_, i) => i)
  const maps: Partial<Record<Method, Float32Array>> = {}
  for (const method of methods) {
    const options = method === 'pure-grad' ? { method } : { method, layers }
    maps[method] = (await picture.look(question, options)).importance?.values as Float32Array
  }
  picture.release()
  return maps as Maps
}

async function mapsOfFolder(folder: string, options: OpenOptions, question: string): Promise<Maps> {
  const loaded = await load(folder, options)
  const maps = await mapsOf(loaded, question)
  await loaded.mllm.release()
  return maps
}

const questionOf = (name: CaseName): string =>
  readExpected(name).pictures.wide.questions[0]?.question as string

function readHeader(bytes: Buffer): { header: Record<string, HeaderEntry>; end: number } {
  const end = 8 + Number(bytes.readBigUInt64LE(0))
  return { header: JSON.parse(bytes.toString('utf8', 8, end)), end }
}

/** A float32 checkpoint whose matrices have the numbers that the blocks of another one stand for, written out here. */
function twinOf(name: CaseName, cacheFolder: string, bits: (matrix: string) => 4 | 8): string {
  const folder = join(cacheFolder, 'blocks')
  const blocks = readFileSync(join(folder, readdirSync(folder)[0] as string))
  const { header, end } = readHeader(blocks)
  const part = (tensor: string): Buffer => {
    const [from, to] = header[tensor]!.data_offsets
    return blocks.subarray(end + from, end + to)
  }
  const matrices = Object.keys(header).flatMap(key => (key.endsWith('/values') ? [key.split('/')[0]!] : []))
  expect(matrices.length).toBeGreaterThan(30)
  return altered(twin => {
    const path = join(twin, 'model.safetensors')
    const bytes = readFileSync(path)
    const published = readHeader(bytes)
    for (const matrix of matrices) {
      const entry = published.header[matrix]!
      const [rows, columns] = entry.shape as [number, number]
      const [values, scales, zeros] = ['values', 'scales', 'zeros'].map(key => part(`${matrix}/${key}`)) as [
        Buffer,
        Buffer,
        Buffer,
      ]
      const count = scales.length / 4 / rows
      const number = (from: Buffer, i: number): number =>
        bits(matrix) === 8 ? from[i]! : (from[i >> 1]! >> (4 * (i & 1))) & 15
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const block = row * count + Math.floor(column / 32)
          const value = number(values, row * count * 32 + column) - number(zeros, block)
          const place = published.end + entry.data_offsets[0] + 4 * (row * columns + column)
          bytes.writeFloatLE(value * scales.readFloatLE(4 * block), place)
        }
      }
    }
    writeFileSync(path, bytes)
  }, name)
}

const errorsOf = (found: Maps, expected: Maps): number[] =>
  methods.map(method => relativeError(found[method], expected[method]))

/** Of float32 against float32. */
const tolerance = 1e-4

describe.each([
  ['base', 'q8'],
  ['full-pad', 'q4'],
] as const)('checkpoint %s in %s', (name, dtype) => {
  const question = questionOf(name)

  it('computes what float32 does with the same numbers, gradients too', async () => {
    const cacheFolder = temporaryFolder()
    const packed = await mapsOfFolder(modelPath(name), { dtype, cacheFolder }, question)
    const twin = twinOf(name, cacheFolder, matrix => (dtype === 'q4' && matrix.includes('language') ? 4 : 8))
    const expected = await mapsOfFolder(twin, {}, question)
    // Fast products round both sides to 8 bits.
    for (const error of errorsOf(packed, expected)) expect(error).toBeLessThan(0.1)
    hidePacked(cacheFolder)
    const exact = await mapsOfFolder(modelPath(name), { dtype, cacheFolder }, question)
    for (const error of errorsOf(exact, expected)) expect(error).toBeLessThan(tolerance)
  })
})

/** Renames what the runtime has packed, so that it is not found and products are those of float32. */
function hidePacked(cacheFolder: string): void {
  const [file, ...others] = readdirSync(join(cacheFolder, 'blocks'))
  expect(others).toEqual([])
  const path = join(cacheFolder, 'blocks', file as string)
  const text = readFileSync(path, 'latin1')
  const hidden = text.replaceAll('/packed/MatMulNBits+', '/hidden/MatMulNBits+')
  expect(hidden).not.toBe(text)
  writeFileSync(path, hidden, 'latin1')
}

it('a matrix in blocks is found under whichever of its names a checkpoint has', async () => {
  const [cacheFolder, question] = [temporaryFolder(), questionOf('sharded')]
  const found = await mapsOfFolder(modelPath('sharded'), { dtype: 'q8', cacheFolder }, question)
  const expected = await mapsOfFolder(modelPath('sharded'), {}, question)
  expect(relativeError(found['rel-att'], expected['rel-att'])).toBeLessThan(0.1)
})

it('a head that is the embedding too is there in blocks and in float32', async () => {
  const cacheFolder = temporaryFolder()
  const { mllm, converted } = await load(modelPath('grouped'), { dtype: 'q4', cacheFolder })
  const { header } = readHeader(readFileSync(converted?.path as string))
  const embedding = Object.keys(header).filter(key => key.includes('embed_tokens.weight'))
  expect(embedding.map(key => key.replace(/^.*embed_tokens.weight/, '').replace(/\+.*$/, '')).sort()).toEqual(
    ['', '/packed/MatMulNBits', '/scales', '/values', '/zeros'],
  )
  const picture = await Picture.see(mllm, await decodeImage(picturePath('wide')))
  expect((await picture.ask(questionOf('grouped'), { method: 'rel-att' })).plainAnswer).toEqual(
    expect.any(String),
  )
  await mllm.release()
})

describe('16 bits', () => {
  it.each(['half', 'bfloat'] as const)(
    'of checkpoint %s are used where they lie, and give what float32 gives',
    async name => {
      const [cacheFolder, question] = [temporaryFolder(), questionOf(name)]
      const loaded = await load(modelPath(name), { dtype: 'f16', cacheFolder })
      expect([loaded.converted, readdirSync(cacheFolder)]).toEqual([null, []])
      const found = await mapsOf(loaded, question)
      await loaded.mllm.release()
      const expected = await mapsOfFolder(modelPath(name), { cacheFolder }, question)
      for (const error of errorsOf(found, expected)) expect(error).toBeLessThan(1e-6)
    },
  )

  it('are rounded to, once, where a checkpoint is in float32', async () => {
    const [cacheFolder, question] = [temporaryFolder(), questionOf('base')]
    const loaded = await load(modelPath('base'), { dtype: 'f16', cacheFolder })
    expect(loaded.converted).toMatchObject({ from: ['F32'], cached: false })
    const found = await mapsOf(loaded, question)
    await loaded.mllm.release()
    const expected = await mapsOfFolder(modelPath('base'), {}, question)
    for (const error of errorsOf(found, expected)) expect(error).toBeLessThan(0.02)
  })
})

it('a dtype that there is not is refused by name', async () => {
  await expect(load(modelPath('base'), { dtype: 'q3' as never })).rejects.toThrow(
    'dtype: "q3" is not available; available: f32, f16, q8, q4',
  )
})
