import type { Graph } from '../graph/graph.ts'
import { groupQueryAttention, input } from '../graph/ops.ts'
import { type Engine, float32Value, floats, int32Value, type OpenOptions } from '../onnx/session.ts'

// ONNX Runtime 1.30 has two kernels for fused attention on webgpu. The one for 32 new positions and more hands keys and
// values round among the lanes of a subgroup and takes for granted that there are eight at least. Where there are fewer,
// as on SwiftShader, its results are wrong and nothing says so. The other kernel wants no subgroups.

const safePositions = 31
/** Enough for the second block of 64 that a kernel works on. */
const manyPositions = 80
const cachedPositions = 5

/** Off by rounding it would be 1e-6, of values up to 1; wrong, 0.1. */
const tolerance = 1e-3

/**
 * How many new positions a device's fused attention gets right at once. It is asked: what it says is held against the CPU.
 *
 * @returns infinity, or how long the pieces are in which a prompt has to be decoded there
 * @throws an error if pieces do not help
 */
export async function positionsAtOnce(engine: Engine): Promise<number> {
  if (engine.device === 'cpu') return Number.POSITIVE_INFINITY
  if ((await attentionError(engine, manyPositions)) < tolerance) return Number.POSITIVE_INFINITY
  const error = await attentionError(engine, safePositions)
  if (error < tolerance) return safePositions
  throw new Error(
    `device ${engine.device}: its attention is off by ${error.toPrecision(1)} where the CPU's is not. Use device cpu.`,
  )
}

/** The largest difference between device and CPU, of values between -1 and 1. */
async function attentionError(engine: Engine, positions: number): Promise<number> {
  const expected = await attended(engine, positions, { host: true })
  const found = await attended(engine, positions, {})
  return Math.max(...expected.map((value, i) => Math.abs(value - (found[i] as number))))
}

/** Two query heads of eight channels over one key head. */
async function attended(engine: Engine, positions: number, where: OpenOptions): Promise<Float32Array> {
  const total = cachedPositions + positions
  const session = await engine.open(attention, where)
  const numbers = (rows: number, width: number, seed: number) =>
    Float32Array.from({ length: rows * width }, (_, i) => Math.sin((i + 1) * seed))
  const results = await session.run({
    q: float32Value(numbers(positions, 16, 12.9), [1, positions, 16]),
    k: float32Value(numbers(positions, 8, 78.2), [1, positions, 8]),
    v: float32Value(numbers(positions, 8, 43.7), [1, positions, 8]),
    key: float32Value(numbers(total, 8, 5.3), [1, 1, total, 8]),
    value: float32Value(numbers(total, 8, 9.1), [1, 1, total, 8]),
    last_position: int32Value([total - 1]),
    total_length: int32Value([total], []),
  })
  await session.release()
  return floats(results, 'attended')
}

const attention: Graph = (() => {
  const rows = (name: string, width: number) => input(name, 'float32', [1, 'S', width])
  const cache = (name: string) => input(name, 'float32', [1, 1, 'P', 8])
  const [last, total] = [input('last_position', 'int32', [1]), input('total_length', 'int32', [])]
  const [attended, key, value] = groupQueryAttention(
    rows('q', 16),
    rows('k', 8),
    rows('v', 8),
    cache('key'),
    cache('value'),
    last,
    total,
    { heads: 2, kvHeads: 1, scale: 1 },
  )
  return { outputs: { attended, 'key.out': key, 'value.out': value } }
})()
