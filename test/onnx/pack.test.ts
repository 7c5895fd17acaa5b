import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as ops from '../../src/graph/ops.ts'
import type { PackedSource } from '../../src/graph/tensor.ts'
import { float32Value, floats, type Session } from '../../src/onnx/session.ts'
import { openNodeEngine } from '../../src/onnx/session-node.ts'
import { packMatrix, type StoredMatrix } from '../../src/onnx/session-pack-node.ts'
import { type BlockLayout, type Blocks, blockLayout, quantizeRows } from '../../src/weights/quantize.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { randomNumbers } from './array.ts'

// What ONNX Runtime arranges for its products is found again in the weights' file: a key that it makes of the bytes says
// whether it is what it would have made itself.

interface Stored {
  readonly folder: string
  readonly matrix: StoredMatrix
  readonly packed: PackedSource
}

const pageOf = (size: number): number => Math.ceil(size / 4096) * 4096

/** A matrix of random numbers in a file, and what the runtime makes of it behind it. */
async function store(bits: 4 | 8, rows: number, columns: number): Promise<Stored> {
  const layout = blockLayout(bits, rows, columns)
  const blocks = quantizeRows(Float32Array.from({ length: rows * columns }, randomNumbers(bits)), layout)!
  return storeBlocks(temporaryFolder(), layout, blocks, 0)
}

/** Several matrices that differ in one number. */
async function storeSeveral(count: number, bits: 4 | 8, rows: number, columns: number): Promise<Stored[]> {
  const folder = temporaryFolder()
  const layout = blockLayout(bits, rows, columns)
  const blocks = quantizeRows(Float32Array.from({ length: rows * columns }, randomNumbers(bits)), layout)!
  const stored: Stored[] = []
  for (let nth = 0; nth < count; nth++) {
    blocks.values[0] = nth
    stored.push(await storeBlocks(folder, layout, blocks, nth))
  }
  return stored
}

async function storeBlocks(
  folder: string,
  layout: BlockLayout,
  blocks: Blocks,
  nth: number,
): Promise<Stored> {
  const file = `${nth}.bin`
  const parts = [blocks.values, new Uint8Array(blocks.scales.buffer), blocks.zeros]
  const offsets = parts.map((_, i) => parts.slice(0, i).reduce((sum, part) => sum + pageOf(part.length), 0))
  const size = offsets[2]! + pageOf(parts[2]!.length)
  const bytes = Buffer.alloc(size)
  for (const [i, part] of parts.entries()) bytes.set(part, offsets[i])
  writeFileSync(join(folder, file), bytes)
  const [values, scales, zeros] = parts.map(({ length }, i) => ({ file, offset: offsets[i]!, length }))
  const matrix = { ...layout, values: values!, scales: scales!, zeros: zeros! }
  const found = (await packMatrix(matrix, folder, folder))!
  const packed = readFileSync(found.file).subarray(found.offset, found.offset + found.length)
  writeFileSync(join(folder, file), Buffer.concat([bytes, packed]))
  return { folder, matrix, packed: { key: found.key, offset: size, length: found.length } }
}

function openProduct({ folder, matrix }: Stored, packed?: PackedSource): Promise<Session> {
  const { bits, blockSize, rows, blocks } = matrix
  const part = (name: 'values' | 'scales' | 'zeros', dtype: 'uint8' | 'float32', shape: number[]) => {
    const isPacked = name === 'values' && packed !== undefined
    return ops.weight({ name, ...matrix[name], ...(isPacked ? { packed } : {}) }, dtype, shape)
  }
  const y = ops.matMulNBits(ops.input('x', 'float32', ['M', blocks * blockSize]), {
    bits,
    blockSize,
    values: part('values', 'uint8', [rows, blocks, (blockSize * bits) / 8]),
    scales: part('scales', 'float32', [rows, blocks]),
    zeros: part('zeros', 'uint8', [rows, (blocks * bits) / 8]),
  })
  return openNodeEngine({ weightsRoot: folder, threads: 1 }).open({ outputs: { y } })
}

async function run(session: Session, columns: number): Promise<Float32Array> {
  const next = randomNumbers(1)
  const x = float32Value(Float32Array.from({ length: 3 * columns }, next), [3, columns])
  return floats(await session.run({ x }), 'y')
}

describe.each([4, 8] as const)('a matrix of %i bits', bits => {
  it('gives packed what it gives unpacked, but for what is rounded to 8 bits', async () => {
    const stored = await store(bits, 24, 192)
    expect(stored.packed.key).toMatch(/^MatMulNBits\+\d+$/)
    const [plain, packed] = [await openProduct(stored), await openProduct(stored, stored.packed)]
    const [expected, found] = [await run(plain, 192), await run(packed, 192)]
    const largest = Math.max(...expected.map(Math.abs))
    for (const [i, value] of found.entries())
      expect(Math.abs(value - expected[i]!)).toBeLessThan(0.02 * largest)
    await Promise.all([plain.release(), packed.release()])
  })

  it.runIf(canMeasure)('is in the memory of no session where it lies packed in the file', async () => {
    const stored = await storeSeveral(8, bits, 512, 4096)
    const all = stored.reduce((sum, { packed }) => sum + packed.length, 0)
    const copied = stored.map(one => ({ ...one, packed: { ...one.packed, key: 'MatMulNBits+1' } }))
    expect(grownBySession(copied)).toBeGreaterThan(0.9 * all)
    // The runtime packs a matrix to see what it would get, in memory that it then computes in.
    expect(grownBySession(stored)).toBeLessThan(0.5 * all)
  })

  it('gives the same with a file that was packed elsewhere', async () => {
    const stored = await store(bits, 24, 192)
    const [own, other] = [stored.packed, { ...stored.packed, key: 'MatMulNBits+1', offset: 0, length: 64 }]
    const sessions = await Promise.all([openProduct(stored, own), openProduct(stored, other)])
    const [expected, found] = [await run(sessions[0]!, 192), await run(sessions[1]!, 192)]
    expect(found).toEqual(expected)
    await Promise.all(sessions.map(session => session.release()))
  })
})

// The package as it was built last: memory is that of a process, so it takes one of its own.
const built = new URL('../../dist/', import.meta.url)
const canMeasure = process.platform === 'linux' && existsSync(built)

/** By how much a process's own memory grows by a second session with all of these matrices. */
function grownBySession(stored: readonly Stored[]): number {
  const script = `
    import { readFileSync } from 'node:fs'
    const ops = await import('${built}graph/ops.js')
    const { openNodeEngine } = await import('${built}onnx/session-node.js')
    const stored = ${JSON.stringify(stored)}
    const columns = ${stored[0]!.matrix.blocks} * ${stored[0]!.matrix.blockSize}
    const x = ops.input('x', 'float32', ['M', columns])
    const product = ({ matrix: { bits, blockSize, rows, blocks, values, scales, zeros }, packed }) =>
      ops.matMulNBits(x, {
        bits,
        blockSize,
        values: ops.weight({ name: 'values', ...values, packed }, 'uint8', [rows, blocks, blockSize * bits / 8]),
        scales: ops.weight({ name: 'scales', ...scales }, 'float32', [rows, blocks]),
        zeros: ops.weight({ name: 'zeros', ...zeros }, 'uint8', [rows, blocks * bits / 8]),
      })
    const outputs = Object.fromEntries(stored.map((one, i) => ['y' + i, product(one)]))
    const engine = openNodeEngine({ weightsRoot: stored[0].folder, threads: 1 })
    const feeds = { x: { dtype: 'float32', shape: [1, columns], data: new Float32Array(columns) } }
    const sessions = []
    const open = async () => {
      const session = await engine.open({ outputs })
      await session.run(feeds)
      sessions.push(session)
    }
    const anonymous = () => 1024 * Number(/^RssAnon:\\s+(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1])
    await open()
    const before = anonymous()
    await open()
    console.log(anonymous() - before, sessions.length)`
  // What the C library keeps of freed memory, for later, would be counted too.
  const env = { ...process.env, MALLOC_MMAP_THRESHOLD_: '65536' }
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    env,
  })
  const [grown, sessions] = stdout.split(' ').map(Number)
  if (sessions !== 2) throw new Error(stderr)
  return grown as number
}
