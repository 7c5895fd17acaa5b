import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { openCheckpoint } from '../../src/weights/checkpoint-node.ts'
import type { ConversionOptions } from '../../src/weights/convert-node.ts'
import { halfWeights } from '../../src/weights/convert-node.ts'
import { widenFloat16 } from '../../src/weights/half.ts'
import { quantizeRows } from '../../src/weights/quantize.ts'
import { type Packer, type QuantizedWeights, quantizedWeights } from '../../src/weights/quantize-node.ts'
import { temporaryFolder } from './temporary.ts'
import { type TensorData, writeSafetensors } from './write-safetensors.ts'

/** What the mocked file system is to do; the real one otherwise. */
const disk = vi.hoisted(() => ({ fullAfter: Number.POSITIVE_INFINITY }))

vi.mock('node:fs/promises', async importActual => {
  const actual = await importActual<typeof import('node:fs/promises')>()
  return {
    ...actual,
    open: async (path: string, flags?: string) => {
      const handle = await actual.open(path, flags)
      const { write } = handle
      if (flags === 'wx') {
        handle.write = ((...rest: Parameters<typeof write>) => {
          if (disk.fullAfter-- > 0) return write.apply(handle, rest)
          return Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' }))
        }) as typeof write
      }
      return handle
    },
  }
})

afterEach(() => {
  disk.fullAfter = Number.POSITIVE_INFINITY
})

/** float16 bit patterns of numbers about -2 to 2. */
const patterns = (count: number): Uint16Array =>
  Uint16Array.from({ length: count }, (_, i) => ((i * 7919) & 0x83ff) | 0x3c00)

const half = (rows: number, columns: number): TensorData => ({
  dtype: 'F16',
  shape: [rows, columns],
  data: patterns(rows * columns),
})

const tensors: Readonly<Record<string, TensorData>> = {
  positions: { dtype: 'I64', shape: [2], data: BigInt64Array.of(0n, 1n) },
  'a.weight': half(7, 70),
  'a.bias': { dtype: 'F32', shape: [7], data: [1, 2, 3, 4, 5, 6, 7] },
  'b.weight': half(5, 128),
  nothing: { dtype: 'F32', shape: [0], data: [] },
}

const bits = new Map([
  ['a.weight', 4],
  ['b.weight', 8],
] as const)

function modelWith(changes: Readonly<Record<string, TensorData>> = {}): string {
  const folder = temporaryFolder()
  writeSafetensors(join(folder, 'model.safetensors'), { ...tensors, ...changes })
  return folder
}

interface How extends ConversionOptions {
  readonly kept?: readonly string[]
  readonly packer?: Packer | null
}

const quantize = async (
  folder: string,
  cacheFolder: string,
  { kept = [], packer = null, ...options }: How = {},
): Promise<QuantizedWeights> =>
  quantizedWeights(await openCheckpoint(folder), bits, new Set(kept), packer, { cacheFolder, ...options })

const filesIn = (cacheFolder: string): string[] => {
  const folder = join(cacheFolder, 'blocks')
  return existsSync(folder) ? readdirSync(folder) : []
}

function bytesAt(
  weights: QuantizedWeights,
  { file, offset, length }: { file: string; offset: number; length: number },
) {
  return new Uint8Array(readFileSync(join(weights.root, file)).subarray(offset, offset + length))
}

function floatsOf({ data }: TensorData): Float32Array {
  const widened = new Int32Array((data as Uint16Array).length)
  widenFloat16(data as Uint16Array, widened)
  return new Float32Array(widened.buffer)
}

describe('a checkpoint in blocks', () => {
  test('has its matrices in blocks, all else in float32, and leaves other types out', async () => {
    const weights = await quantize(modelWith(), temporaryFolder())
    for (const name of ['a.weight', 'b.weight']) {
      const matrix = weights.blocks(name)!
      const expected = quantizeRows(floatsOf(tensors[name]!), matrix)!
      expect(matrix).toMatchObject({ bits: bits.get(name as never), rows: tensors[name]!.shape[0] })
      expect(bytesAt(weights, matrix.values)).toEqual(expected.values)
      expect(bytesAt(weights, matrix.zeros)).toEqual(expected.zeros)
      expect(new Float32Array(bytesAt(weights, matrix.scales).buffer)).toEqual(expected.scales)
      for (const { offset } of [matrix.values, matrix.scales, matrix.zeros]) expect(offset % 64).toBe(0)
    }
    const bias = weights.tensor('a.bias')
    expect([...new Float32Array(bytesAt(weights, bias).buffer)]).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect([
      weights.blocks('a.bias'),
      weights.tensors.has('a.weight'),
      weights.tensors.has('positions'),
    ]).toEqual([null, false, false])
    expect(() => weights.tensor('positions')).toThrow('only F32, F16 and BF16 are read as float32')
    expect(weights.converted).toMatchObject({ from: ['F16', 'F32'], cached: false })
    expect(weights.converted?.bytes).toBe(statSync(weights.converted?.path as string).size)
  })

  test('is written once for each way of writing it', async () => {
    const [folder, cacheFolder] = [modelWith(), temporaryFolder()]
    const first = await quantize(folder, cacheFolder)
    const second = await quantize(folder, cacheFolder)
    expect(second.converted).toEqual({ ...first.converted, cached: true })
    expect([second.tensors, second.blocks('a.weight')]).toEqual([first.tensors, first.blocks('a.weight')])
    await quantize(folder, cacheFolder, { kept: ['b.weight'] })
    await quantize(folder, cacheFolder, { packer: { id: 'other', pack: async () => null } })
    const checkpoint = await openCheckpoint(folder)
    await quantizedWeights(checkpoint, new Map([['a.weight', 8]]), new Set(), null, { cacheFolder })
    expect(filesIn(cacheFolder)).toHaveLength(4)
  })

  test('has a matrix in float32 too where it is asked for', async () => {
    const weights = await quantize(modelWith(), temporaryFolder(), { kept: ['b.weight'] })
    expect(weights.blocks('b.weight')).not.toBeNull()
    const floats = new Float32Array(bytesAt(weights, weights.tensor('b.weight')).buffer)
    expect(floats).toEqual(floatsOf(tensors['b.weight']!))
  })

  test('may be larger than a chunk', async () => {
    const large = half(1025, 4096)
    const weights = await quantize(modelWith({ 'a.weight': large }), temporaryFolder())
    const matrix = weights.blocks('a.weight')!
    const expected = quantizeRows(floatsOf(large), matrix)!
    expect(Buffer.compare(bytesAt(weights, matrix.values), expected.values)).toBe(0)
    expect(Buffer.compare(bytesAt(weights, matrix.zeros), expected.zeros)).toBe(0)
  })

  test('reports progress up to the whole file', async () => {
    const progress: number[] = []
    await quantize(modelWith(), temporaryFolder(), {
      onProgress: ({ doneBytes, totalBytes }) => progress.push(doneBytes / totalBytes),
    })
    expect(progress).toEqual(progress.toSorted((a, b) => a - b))
    expect(progress.at(-1)).toBe(1)
  })
})

describe('what a runtime packs', () => {
  const packer: Packer = {
    id: 'reversed',
    async pack({ values, rows }, folder, scratch) {
      const { offset, length } = values
      const bytes = readFileSync(join(folder, values.file)).subarray(offset, offset + length)
      const file = join(scratch, 'reversed.bin')
      writeFileSync(file, Buffer.concat([Buffer.alloc(5), bytes.toReversed()]))
      return rows === 5 ? null : { key: `Key+${length}`, file, offset: 5, length }
    },
  }

  test('lies in the same file, at a page of its own, under the name that the runtime gave it', async () => {
    const cacheFolder = temporaryFolder()
    const weights = await quantize(modelWith(), cacheFolder, { packer })
    const { values } = weights.blocks('a.weight')!
    expect(values.packed).toMatchObject({
      key: `Key+${values.length}`,
      file: values.file,
      length: values.length,
    })
    expect(values.packed!.offset % 4096).toBe(0)
    expect(bytesAt(weights, values.packed!)).toEqual(bytesAt(weights, values).toReversed())
    expect(weights.blocks('b.weight')?.values.packed).toBeUndefined()
    expect(filesIn(cacheFolder)).toHaveLength(1)
  })

  test('and what goes wrong meanwhile leaves nothing behind', async () => {
    const cacheFolder = temporaryFolder()
    const pack = async (_: unknown, __: string, scratch: string) => {
      writeFileSync(join(scratch, 'half'), 'x')
      throw new Error('cannot pack')
    }
    await expect(quantize(modelWith(), cacheFolder, { packer: { id: 'none', pack } })).rejects.toThrow(
      'cannot pack',
    )
    expect(filesIn(cacheFolder)).toEqual([])
  })
})

describe('the cached file', () => {
  const damages: [string, (path: string) => void][] = [
    ['is too short', path => truncateSync(path, statSync(path).size - 1)],
    ['is empty', path => truncateSync(path, 0)],
    ['has another header', path => writeFileSync(path, readFileSync(path).fill(0x20, 8, 12))],
    [
      'lacks a tensor',
      path => writeFileSync(path, readFileSync(path, 'latin1').replace('"a.bias"', '"a.baas"'), 'latin1'),
    ],
    [
      'lacks a part of a matrix',
      path =>
        writeFileSync(
          path,
          readFileSync(path, 'latin1').replace('a.weight/zeros', 'a.weight/zeroz'),
          'latin1',
        ),
    ],
  ]
  test.each(damages)('is written anew when it %s', async (_, damage) => {
    const [folder, cacheFolder] = [modelWith(), temporaryFolder()]
    const { converted } = await quantize(folder, cacheFolder)
    const written = readFileSync(converted?.path as string)
    damage(converted?.path as string)
    expect((await quantize(folder, cacheFolder)).converted?.cached).toBe(false)
    expect(readFileSync(converted?.path as string).equals(written)).toBe(true)
  })

  test('is another one when the published file has changed', async () => {
    const [folder, cacheFolder] = [modelWith(), temporaryFolder()]
    await quantize(folder, cacheFolder)
    utimesSync(join(folder, 'model.safetensors'), 1, 1)
    expect((await quantize(folder, cacheFolder)).converted?.cached).toBe(false)
  })

  test('is sound when several write it at once', async () => {
    const [folder, cacheFolder] = [modelWith(), temporaryFolder()]
    const all = await Promise.all([1, 2, 3].map(() => quantize(folder, cacheFolder)))
    for (const weights of all) expect(weights.blocks('a.weight')).toEqual(all[0]?.blocks('a.weight'))
    expect(filesIn(cacheFolder)).toHaveLength(1)
  })
})

describe('nothing half written stays', () => {
  test('when it is aborted', async () => {
    const cacheFolder = temporaryFolder()
    const abort = new AbortController()
    const how = { onProgress: () => abort.abort(), signal: abort.signal }
    await expect(quantize(modelWith(), cacheFolder, how)).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    )
    expect(filesIn(cacheFolder)).toEqual([])
  })

  test.each([0, 1, 3, 7])('when the disk is full after %i writes', async count => {
    const cacheFolder = temporaryFolder()
    disk.fullAfter = count
    await expect(quantize(modelWith(), cacheFolder)).rejects.toThrow('no space left (ENOSPC)')
    expect(filesIn(cacheFolder)).toEqual([])
  })

  test('when a number is not finite', async () => {
    const cacheFolder = temporaryFolder()
    const data = patterns(5 * 128)
    data[300] = 0x7c00
    const folder = modelWith({ 'b.weight': { dtype: 'F16', shape: [5, 128], data } })
    await expect(quantize(folder, cacheFolder)).rejects.toThrow(
      'model.safetensors: tensor "b.weight" has a number that is not finite and cannot be put in blocks; use dtype f32, or another checkpoint.',
    )
    expect(filesIn(cacheFolder)).toEqual([])
  })

  test('when the published file changes meanwhile', async () => {
    const [folder, cacheFolder] = [modelWith(), temporaryFolder()]
    const onProgress = (): void => utimesSync(join(folder, 'model.safetensors'), 1, 1)
    await expect(quantize(folder, cacheFolder, { onProgress })).rejects.toThrow(
      'was changed while it was read',
    )
    expect(filesIn(cacheFolder)).toEqual([])
  })

  // The package as it was built last: a process cannot be killed inside the test runner.
  const built = new URL('../../dist/weights/', import.meta.url)
  test.skipIf(!existsSync(built))(
    'but for what a killed process leaves, which the next run removes',
    async () => {
      const [folder, cacheFolder] = [modelWith(), temporaryFolder()]
      const script = `
      const { openCheckpoint } = await import('${built}checkpoint-node.js')
      const { quantizedWeights } = await import('${built}quantize-node.js')
      const packer = { id: 'killed', pack: () => process.kill(process.pid, 'SIGKILL') }
      const bits = new Map([['a.weight', 4]])
      await quantizedWeights(await openCheckpoint(${JSON.stringify(folder)}), bits, new Set(), packer, { cacheFolder: ${JSON.stringify(cacheFolder)} })`
      const { signal } = spawnSync(process.execPath, ['--input-type=module', '--eval', script])
      expect([signal, filesIn(cacheFolder).length]).toEqual(['SIGKILL', 2])
      expect(filesIn(cacheFolder).every(name => name.endsWith('.tmp'))).toBe(true)
      await quantize(folder, cacheFolder)
      expect(filesIn(cacheFolder)).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.safetensors$/)])
    },
  )

  test('nor anything of a scratch folder whose process is gone', async () => {
    const cacheFolder = temporaryFolder()
    const dead = spawnSync(process.execPath, ['--version']).pid
    const machine = hostname().replaceAll(/[^\w-]/g, '-')
    const left = join(cacheFolder, 'blocks', `01.safetensors.scratch.${machine}.${dead}.01234567.tmp`)
    mkdirSync(left, { recursive: true })
    writeFileSync(join(left, 'packed.bin'), 'x')
    await quantize(modelWith(), cacheFolder)
    expect(existsSync(left)).toBe(false)
  })
})

describe('a checkpoint whose matrices shall take 16 bits', () => {
  const inHalf = async (folder: string, cacheFolder: string) =>
    halfWeights(await openCheckpoint(folder), new Set(bits.keys()), { cacheFolder })

  test('passes through where they do, whatever the rest is in', async () => {
    const [folder, cacheFolder] = [modelWith(), temporaryFolder()]
    const weights = await inHalf(folder, cacheFolder)
    expect([weights.converted, weights.root]).toEqual([null, folder])
    expect(weights.tensor('a.weight').dtype).toBe('F16')
  })

  test('has float32 ones rounded, and only these', async () => {
    const wide: TensorData = { dtype: 'F32', shape: [2, 2], data: [1, 1 + 2 ** -12, -2, 0.1] }
    const cacheFolder = temporaryFolder()
    const weights = await inHalf(modelWith({ 'a.weight': wide }), cacheFolder)
    const { file, offset, length, dtype } = weights.tensor('a.weight')
    const bytes = readFileSync(join(weights.root, file)).subarray(offset, offset + length)
    expect([dtype, ...new Uint16Array(new Uint8Array(bytes).buffer)]).toEqual([
      'F16',
      0x3c00,
      0x3c00,
      0xc000,
      0x2e66,
    ])
    expect([weights.tensor('a.bias').dtype, weights.tensor('b.weight').dtype]).toEqual(['F32', 'F16'])
    expect(weights.converted).toMatchObject({ from: ['F32'], cached: false })
  })

  test('is refused where a number is larger than that allows', async () => {
    const wide: TensorData = { dtype: 'F32', shape: [2, 2], data: [1, 70_000, -2, 0.1] }
    await expect(inHalf(modelWith({ 'a.weight': wide }), temporaryFolder())).rejects.toThrow(
      'model.safetensors: tensor "a.weight" has a number that float16 does not reach; use another dtype.',
    )
  })
})
