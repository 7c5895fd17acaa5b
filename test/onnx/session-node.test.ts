import { mkdirSync, rmSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turnOfEvents } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import * as ops from '../../src/graph/ops.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import {
  type Engine,
  float32Value,
  floats,
  int32Value,
  int64Value,
  type Session,
} from '../../src/onnx/session.ts'
import { openNodeEngine } from '../../src/onnx/session-node.ts'
import { openCheckpoint } from '../../src/weights/checkpoint-node.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { writeSafetensors } from '../weights/write-safetensors.ts'

const first = [1, 2, 3, 4, 5, 6]
const second = [-1, 0.5, 0.25, 8, 0, -3]
const tensors = {
  first: { dtype: 'F32', shape: [2, 3], data: first },
  second: { dtype: 'F32', shape: [2, 3], data: second },
}

/** A checkpoint as `save_pretrained` writes it. */
function plainFolder(): string {
  const folder = temporaryFolder()
  writeSafetensors(join(folder, 'model.safetensors'), tensors)
  return folder
}

/** A snapshot in the Hugging Face cache, whose files are links to blobs beside it. */
function hubSnapshot(): string {
  const model = join(temporaryFolder(), 'models--org--tiny')
  const snapshot = join(model, 'snapshots', 'c0ffee')
  mkdirSync(snapshot, { recursive: true })
  writeSafetensors(join(model, 'blobs', 'abc123'), tensors)
  symlinkSync('../../blobs/abc123', join(snapshot, 'model.safetensors'))
  return snapshot
}

interface Opened {
  readonly engine: Engine
  readonly weight: (name: string) => Tensor
}

async function open(folder: string): Promise<Opened> {
  const checkpoint = await openCheckpoint(folder)
  return {
    engine: openNodeEngine({ weightsRoot: checkpoint.root, threads: 1 }),
    weight: name => ops.weight(checkpoint.tensor(name), 'float32', [2, 3]),
  }
}

const x = ops.input('x', 'float32', [2, 3])
const rows = ops.input('rows', 'float32', ['S', 3])
const ones = { x: float32Value(new Float32Array(6).fill(1), [2, 3]) }
const plus = (values: readonly number[]): number[] => values.map(value => value + 1)

async function sum(session: Session): Promise<number[]> {
  return [...floats(await session.run(ones), 'sum')]
}

describe('weights stay in their file', () => {
  it.each([
    ['a plain folder', plainFolder],
    ['the layout of the Hugging Face cache', hubSnapshot],
  ])('in %s', async (_, folder) => {
    const { engine, weight } = await open(folder())
    expect(engine.device).toBe('cpu')
    const session = await engine.open({ outputs: { sum: ops.add(x, weight('second')) } })
    expect(await sum(session)).toEqual(plus(second))
    await session.release()
  })

  it('and several sessions read them, each on its own', async () => {
    const { engine, weight } = await open(plainFolder())
    const one = await engine.open({ outputs: { sum: ops.add(x, weight('first')) } })
    const two = await engine.open({
      outputs: { sum: ops.add(x, weight('second')), raw: weight('first') },
    })
    expect(await Promise.all([sum(one), sum(two)])).toEqual([plus(first), plus(second)])
    await one.release()
    expect([...floats(await two.run(ones), 'raw')]).toEqual(first)
    await two.release()
  })
})

describe('what cannot be opened is said in one line', () => {
  const failure = async (work: Promise<unknown>): Promise<Error> => {
    const error = await work.then(
      () => new Error('nothing failed'),
      (error: Error) => error,
    )
    expect(error.message).not.toMatch(/\n/)
    return error
  }

  it('where the weights have gone since', async () => {
    const folder = plainFolder()
    const { engine, weight } = await open(folder)
    rmSync(join(folder, 'model.safetensors'))
    const error = await failure(engine.open({ outputs: { sum: ops.add(x, weight('first')) } }))
    expect(error.message).toMatch(
      /^session for sum: a weight cannot be read from its file\. Download the checkpoint again\. \(.*first.*model\.safetensors.*\)$/,
    )
    expect(error.cause).toBeInstanceOf(Error)
  })

  it('where the file has become too short', async () => {
    const folder = plainFolder()
    const { engine, weight } = await open(folder)
    truncateSync(join(folder, 'model.safetensors'), 200)
    const outputs = { sum: ops.add(x, weight('second')), b: x, c: x }
    expect((await failure(engine.open({ outputs }))).message).toMatch(
      /^session for sum and 2 more: a weight cannot be read from its file\. Download the checkpoint again\. \(.*second.*\)$/,
    )
  })

  it('where a weight lies outside the checkpoint', async () => {
    const folder = plainFolder()
    writeSafetensors(join(folder, 'outside.safetensors'), tensors)
    mkdirSync(join(folder, 'inside'))
    const { engine } = await open(folder)
    const inner = openNodeEngine({ weightsRoot: join(folder, 'inside'), threads: 1 })
    for (const file of ['../outside.safetensors', join(folder, 'outside.safetensors')]) {
      const stolen = ops.weight({ name: 'stolen', file, offset: 0, length: 24 }, 'float32', [2, 3])
      const error = await failure(inner.open({ outputs: { sum: ops.add(x, stolen) } }))
      expect(error.message).toContain('a weight cannot be read from its file')
    }
    const session = await engine.open({ outputs: { x } })
    await session.release()
  })

  it('where what is fed does not fit', async () => {
    const { engine } = await open(plainFolder())
    const session = await engine.open({ outputs: { y: ops.neg(rows) } })
    const feeds = { rows: float32Value(new Float32Array(4), [1, 4]) }
    expect((await failure(session.run(feeds))).message).toBe(
      'session for y: the graph and what is fed to it do not fit. Please report this. ' +
        '(Got invalid dimensions for input: rows for the following indices index: 1 Got: 4 Expected: 3 Please fix either the inputs/outputs or the model.)',
    )
    expect((await failure(session.run({}))).message).toContain("input 'rows' is missing")
    await session.release()
  })
})

describe('a session', () => {
  it('keeps no copy of what it has written into memory it is given', async () => {
    const { engine } = await open(plainFolder())
    const n = ops.input('n', 'float32', ['S'])
    const session = await engine.open({ outputs: { y: ops.add(n, n) } })
    const [numbers, memory] = [1, 7].map(value =>
      float32Value(new Float32Array(1 << 24).fill(value), [1 << 24]),
    )
    const before = process.memoryUsage().arrayBuffers
    const { y } = await session.run({ n: numbers! }, { y: memory! })
    await turnOfEvents()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20)
    expect(y).toBe(memory)
    expect(y?.data[1 << 23]).toBe(2)
    await session.release()
  })

  it('writes into memory it is given, and makes memory for the rest', async () => {
    const { engine } = await open(plainFolder())
    const session = await engine.open({ outputs: { negative: ops.neg(x), double: ops.add(x, x) } })
    const memory = float32Value(new Float32Array(6), [2, 3])
    const results = await session.run(ones, { negative: memory })
    expect([...memory.data]).toEqual([-1, -1, -1, -1, -1, -1])
    expect([...floats(results, 'negative')]).toEqual([-1, -1, -1, -1, -1, -1])
    expect([...floats(results, 'double')]).toEqual([2, 2, 2, 2, 2, 2])
    await session.release()
  })

  it('extends a cache in place: what stands beyond the new position is not touched', async () => {
    const { engine } = await open(plainFolder())
    const [heads, places, size] = [2, 5, 8]
    const q = ops.input('q', 'float32', [1, 'S', heads * size])
    const past = ['key', 'value'].map(name => ops.input(name, 'float32', [1, heads, 'P', size]))
    const last = ops.input('last', 'int32', [1])
    const total = ops.input('total', 'int32', [])
    const options = { heads, kvHeads: heads, scale: 1 }
    const [, key, value] = ops.groupQueryAttention(q, q, q, past[0]!, past[1]!, last, total, options)
    const session = await engine.open({ outputs: { keyOut: key, valueOut: value } })
    const memory = () =>
      float32Value(new Float32Array(heads * places * size).fill(7), [1, heads, places, size])
    const cache = { key: memory(), value: memory() }
    const now = Float32Array.from({ length: heads * size }, (_, i) => i)
    await session.run(
      { q: float32Value(now, [1, 1, 16]), ...cache, last: int32Value([2]), total: int32Value([3], []) },
      { keyOut: cache.key, valueOut: cache.value },
    )
    const expected = Array.from({ length: heads * places * size }, (_, i) => {
      const [head, place, channel] = [
        Math.floor(i / (places * size)),
        Math.floor(i / size) % places,
        i % size,
      ]
      return place === 2 ? head * size + channel : 7
    })
    expect([...cache.key.data]).toEqual(expected)
    expect([...cache.value.data]).toEqual(expected)
    await session.release()
  })

  it('gives each type as the array that holds it', async () => {
    const { engine } = await open(plainFolder())
    const ids = ops.input('ids', 'int64', ['S'])
    const outputs = {
      int64: ids,
      int32: ops.cast(ids, 'int32'),
      uint8: ops.cast(ids, 'uint8'),
      bool: ops.cast(ids, 'bool'),
    }
    const session = await engine.open({ outputs })
    const results = await session.run({ ids: int64Value([0, 200]) })
    expect(results).toEqual({
      int64: { dtype: 'int64', shape: [2], data: BigInt64Array.of(0n, 200n) },
      int32: { dtype: 'int32', shape: [2], data: Int32Array.of(0, 200) },
      uint8: { dtype: 'uint8', shape: [2], data: Uint8Array.of(0, 200) },
      bool: { dtype: 'bool', shape: [2], data: Uint8Array.of(0, 1) },
    })
    expect(() => floats(results, 'int64')).toThrow('session: no float32 output "int64"')
    expect(() => floats(results, 'logits')).toThrow('session: no float32 output "logits"')
    await session.release()
  })

  it('runs with nothing in an axis', async () => {
    const { engine, weight } = await open(plainFolder())
    const session = await engine.open({ outputs: { y: ops.gemm(rows, weight('first')), same: rows } })
    const results = await session.run({ rows: float32Value(new Float32Array(0), [0, 3]) })
    expect([results.y?.shape, results.same?.shape]).toEqual([
      [0, 2],
      [0, 3],
    ])
    await session.release()
  })
})
