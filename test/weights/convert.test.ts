import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
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
import type { Weights } from '../../src/weights/checkpoint.ts'
import { openCheckpoint } from '../../src/weights/checkpoint-node.ts'
import { floatWeights } from '../../src/weights/convert-node.ts'
import { temporaryFolder } from './temporary.ts'
import { type TensorData, writeSafetensors } from './write-safetensors.ts'

/** What the mocked file system is to do; the real one otherwise. */
const disk = vi.hoisted(() => ({ freeBytes: Number.POSITIVE_INFINITY, full: false }))

vi.mock('node:fs/promises', async importActual => {
  const actual = await importActual<typeof import('node:fs/promises')>()
  return {
    ...actual,
    statfs: async (path: string) =>
      disk.freeBytes === Number.POSITIVE_INFINITY
        ? actual.statfs(path)
        : { bavail: disk.freeBytes, bsize: 1 },
    open: async (path: string, flags?: string) => {
      const handle = await actual.open(path, flags)
      const noSpace = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' })
      if (disk.full && flags === 'wx') handle.write = () => Promise.reject(noSpace)
      return handle
    },
  }
})

afterEach(() => {
  disk.freeBytes = Number.POSITIVE_INFINITY
  disk.full = false
  vi.unstubAllEnvs()
})

const float16: TensorData = { dtype: 'F16', shape: [3], data: Uint16Array.of(0x3c00, 0xc000, 0x0001) }
const bfloat16: TensorData = { dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0xc040) }
const float32: TensorData = { dtype: 'F32', shape: [2, 1], data: [0.1, -3.5] }
const positions: TensorData = { dtype: 'I64', shape: [2], data: BigInt64Array.of(0n, 1n) }

const mixed = { positions, half: float16, full: float32, brain: bfloat16 }

function modelWith(tensors: Readonly<Record<string, TensorData>>): string {
  const folder = temporaryFolder()
  writeSafetensors(join(folder, 'model.safetensors'), tensors)
  return folder
}

function valuesOf(weights: Weights, name: string): number[] {
  const { file, offset, length } = weights.tensor(name)
  const bytes = readFileSync(join(weights.root, file)).subarray(offset, offset + length)
  return [...new Float32Array(new Uint8Array(bytes).buffer)]
}

const convert = async (folder: string, cacheFolder: string): ReturnType<typeof floatWeights> =>
  floatWeights(await openCheckpoint(folder), { cacheFolder })

const filesIn = (cacheFolder: string): string[] => {
  const folder = join(cacheFolder, 'float32')
  return existsSync(folder) ? readdirSync(folder) : []
}

describe('a float32 checkpoint', () => {
  test('passes through: the published file, everything in it, and no cache', async () => {
    const folder = modelWith({ full: float32, positions })
    const cacheFolder = temporaryFolder()
    const checkpoint = await openCheckpoint(folder)
    const weights = await floatWeights(checkpoint, { cacheFolder })
    expect(weights.converted).toBeNull()
    expect([weights.root, weights.tensors]).toEqual([folder, checkpoint.tensors])
    expect(filesIn(cacheFolder)).toEqual([])
  })
})

describe('a checkpoint in 16 bits', () => {
  test('becomes one float32 file with all float tensors', async () => {
    const cacheFolder = temporaryFolder()
    const weights = await convert(modelWith(mixed), cacheFolder)
    expect([...weights.tensors.keys()]).toEqual(['half', 'full', 'brain'])
    expect(valuesOf(weights, 'half')).toEqual([1, -2, 2 ** -24])
    expect(valuesOf(weights, 'full')).toEqual([Math.fround(0.1), -3.5])
    expect(valuesOf(weights, 'brain')).toEqual([1, -3])
    expect(weights.tensor('full')).toMatchObject({ dtype: 'F32', shape: [2, 1] })
    expect(weights.converted).toEqual({
      path: join(cacheFolder, 'float32', filesIn(cacheFolder)[0] as string),
      bytes: statSync(weights.converted?.path as string).size,
      from: ['F16', 'BF16'],
      cached: false,
    })
  })

  test('is converted once', async () => {
    const folder = modelWith(mixed)
    const cacheFolder = temporaryFolder()
    const first = await convert(folder, cacheFolder)
    const second = await convert(folder, cacheFolder)
    expect(second.converted).toEqual({ ...first.converted, cached: true })
    expect(second.tensors).toEqual(first.tensors)
    expect(filesIn(cacheFolder)).toHaveLength(1)
  })

  test('may be in shards, and has tensors longer than a chunk', async () => {
    const folder = temporaryFolder()
    const long = Uint16Array.from({ length: 5_000_001 }, (_, i) => i)
    writeSafetensors(join(folder, 'b.safetensors'), {
      long: { dtype: 'BF16', shape: [long.length], data: long },
    })
    writeSafetensors(join(folder, 'a.safetensors'), { half: float16 })
    const index = { weight_map: { long: 'b.safetensors', half: 'a.safetensors' } }
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index))
    const weights = await convert(folder, temporaryFolder())
    expect(valuesOf(weights, 'half')).toEqual([1, -2, 2 ** -24])
    const { file, offset, length } = weights.tensor('long')
    const written = readFileSync(join(weights.root, file)).subarray(offset, offset + length)
    const expected = Buffer.alloc(length)
    long.forEach((bits, i) => {
      expected.writeUInt16LE(bits, 4 * i + 2)
    })
    expect(written.equals(expected)).toBe(true)
  })

  test('reports progress up to the whole file', async () => {
    const progress: number[] = []
    const checkpoint = await openCheckpoint(modelWith(mixed))
    const onProgress = ({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }): void => {
      progress.push(doneBytes / totalBytes)
    }
    await floatWeights(checkpoint, { cacheFolder: temporaryFolder(), onProgress })
    expect(progress).toEqual(progress.toSorted((a, b) => a - b))
    expect(progress.at(-1)).toBe(1)
  })

  test('goes on naming the published file when a tensor is missing or of another type', async () => {
    const weights = await convert(modelWith(mixed), temporaryFolder())
    expect(() => weights.tensor('alf')).toThrow('model.safetensors: tensor "alf" not found. Nearest: "half".')
    expect(() => weights.tensor('positions')).toThrow(
      'model.safetensors: tensor "positions" is I64, and only F32, F16',
    )
  })

  test('is kept where the environment says', async () => {
    const checkpoint = await openCheckpoint(modelWith(mixed))
    const [own, shared] = [temporaryFolder(), temporaryFolder()]
    vi.stubEnv('XDG_CACHE_HOME', shared)
    vi.stubEnv('VICROP_CACHE', '')
    expect((await floatWeights(checkpoint)).root).toBe(join(shared, 'vicrop', 'float32'))
    vi.stubEnv('VICROP_CACHE', own)
    expect((await floatWeights(checkpoint)).root).toBe(join(own, 'float32'))
  })
})

describe('the cached file', () => {
  test.each<[string, (path: string) => void]>([
    ['is too short', path => truncateSync(path, 100)],
    ['is too long', path => appendFileSync(path, 'x')],
    ['is empty', path => truncateSync(path, 0)],
    ['has another header', path => writeFileSync(path, readFileSync(path).fill(0x20, 8, 12))],
  ])('is written anew when it %s', async (_, damage) => {
    const folder = modelWith(mixed)
    const cacheFolder = temporaryFolder()
    const { converted } = await convert(folder, cacheFolder)
    damage(converted?.path as string)
    const again = await convert(folder, cacheFolder)
    expect(again.converted?.cached).toBe(false)
    expect(valuesOf(again, 'brain')).toEqual([1, -3])
  })

  test('is another one when the published file is another one of the same size', async () => {
    const folder = modelWith({ half: float16 })
    const cacheFolder = temporaryFolder()
    await convert(folder, cacheFolder)
    const path = join(folder, 'model.safetensors')
    writeSafetensors(path, { half: { ...float16, data: Uint16Array.of(0, 0, 0x3c00) } })
    utimesSync(path, 1, 1)
    expect(valuesOf(await convert(folder, cacheFolder), 'half')).toEqual([0, 0, 1])
  })

  test('is sound when several write it at once', async () => {
    const folder = modelWith(mixed)
    const cacheFolder = temporaryFolder()
    const results = await Promise.all([1, 2, 3, 4].map(() => convert(folder, cacheFolder)))
    for (const weights of results) expect(valuesOf(weights, 'half')).toEqual([1, -2, 2 ** -24])
    expect(filesIn(cacheFolder)).toHaveLength(1)
  })
})

describe('nothing half written stays', () => {
  test('when it is aborted', async () => {
    const checkpoint = await openCheckpoint(modelWith(mixed))
    const cacheFolder = temporaryFolder()
    const abort = new AbortController()
    const onProgress = (): void => abort.abort()
    await expect(floatWeights(checkpoint, { cacheFolder, onProgress, signal: abort.signal })).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    )
    expect(filesIn(cacheFolder)).toEqual([])
  })

  test('when the disk fills up', async () => {
    const folder = modelWith(mixed)
    const cacheFolder = temporaryFolder()
    disk.full = true
    await expect(convert(folder, cacheFolder)).rejects.toThrow(
      `${cacheFolder}/float32: no space left (ENOSPC); free some, or name another folder by VICROP_CACHE.`,
    )
    expect(filesIn(cacheFolder)).toEqual([])
  })

  test('when the published file ends too early or changes meanwhile', async () => {
    const folder = modelWith(mixed)
    const path = join(folder, 'model.safetensors')
    const cacheFolder = temporaryFolder()
    const checkpoint = await openCheckpoint(folder)
    const onProgress = (): void => utimesSync(path, 1, 1)
    await expect(floatWeights(checkpoint, { cacheFolder, onProgress })).rejects.toThrow(
      'model.safetensors: was changed while it was read; run again when it is complete.',
    )
    truncateSync(path, statSync(path).size - 1)
    await expect(floatWeights(checkpoint, { cacheFolder })).rejects.toThrow(
      'model.safetensors: ends inside tensor "brain" while being read; download it again.',
    )
    expect(filesIn(cacheFolder)).toEqual([])
  })

  test('when there is too little space to begin with', async () => {
    const folder = modelWith(mixed)
    const cacheFolder = temporaryFolder()
    disk.freeBytes = 100
    await expect(convert(folder, cacheFolder)).rejects.toThrow(
      `${cacheFolder}/float32: needs 1 MB but has 0 MB left; free some space, or name another folder by VICROP_CACHE.`,
    )
    expect(filesIn(cacheFolder)).toEqual([])
  })

  test('when the folder cannot be written', async () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    await expect(convert(modelWith(mixed), file)).rejects.toThrow(
      /file\/float32: cannot be written \(\w+\); name another folder by VICROP_CACHE\.$/,
    )
  })
})

describe('an unfinished file', () => {
  const machine = hostname().replaceAll(/[^\w-]/g, '-')
  const dead = spawnSync(process.execPath, ['--version']).pid

  function unfinished(cacheFolder: string, owner: string): string {
    mkdirSync(join(cacheFolder, 'float32'), { recursive: true })
    const name = `0123.safetensors.${owner}.01234567.tmp`
    writeFileSync(join(cacheFolder, 'float32', name), 'x')
    return name
  }

  test('of a process that has ended is removed', async () => {
    const cacheFolder = temporaryFolder()
    const name = unfinished(cacheFolder, `${machine}.${dead}`)
    await convert(modelWith(mixed), cacheFolder)
    expect(filesIn(cacheFolder)).not.toContain(name)
  })

  test('of a running process or another machine stays until it is a day old', async () => {
    const cacheFolder = temporaryFolder()
    const names = [
      unfinished(cacheFolder, `${machine}.${process.pid}`),
      unfinished(cacheFolder, `elsewhere.${dead}`),
    ]
    await convert(modelWith(mixed), cacheFolder)
    expect(filesIn(cacheFolder)).toEqual(expect.arrayContaining(names))
    for (const name of names) utimesSync(join(cacheFolder, 'float32', name), 1, 1)
    await convert(modelWith({ half: float16 }), cacheFolder)
    expect(filesIn(cacheFolder).filter(name => name.endsWith('.tmp'))).toEqual([])
  })

  // The package as it was built last: a process cannot be killed inside the test runner.
  const built = new URL('../../dist/weights/', import.meta.url)
  test.skipIf(!existsSync(built))(
    'is all that a killed process leaves, and the next run removes it',
    async () => {
      const folder = modelWith(mixed)
      const cacheFolder = temporaryFolder()
      const script = `
      const { openCheckpoint } = await import('${built}checkpoint-node.js')
      const { floatWeights } = await import('${built}convert-node.js')
      const onProgress = () => process.kill(process.pid, 'SIGKILL')
      await floatWeights(await openCheckpoint(${JSON.stringify(folder)}), { cacheFolder: ${JSON.stringify(cacheFolder)}, onProgress })`
      const { signal } = spawnSync(process.execPath, ['--input-type=module', '--eval', script])
      expect([signal, filesIn(cacheFolder)]).toEqual(['SIGKILL', [expect.stringMatching(/\.tmp$/)]])
      const weights = await convert(folder, cacheFolder)
      expect(valuesOf(weights, 'half')).toEqual([1, -2, 2 ** -24])
      expect(filesIn(cacheFolder)).toEqual([expect.stringMatching(/^[0-9a-f]{32}\.safetensors$/)])
    },
  )
})
