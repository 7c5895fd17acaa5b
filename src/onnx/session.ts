import type { Graph } from '../graph/graph.ts'
import type { DType } from '../graph/tensor.ts'

export type ValueData = Float32Array | Int32Array | BigInt64Array | Uint8Array

/** Numbers that go into or come out of a session; row-major. */
export interface Value {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: ValueData
}

export type Values = Readonly<Record<string, Value>>

/** A graph made ready to run. Release it when done: its memory is not the garbage collector's. */
export interface Session {
  /**
   * Runs the whole graph.
   * @param feeds a value for every input of the graph; others are left aside
   * @param into memory to write outputs to; an output without one gets memory of its own
   * @param wanted the outputs to give; all if left out
   */
  run(feeds: Values, into?: Values, wanted?: readonly string[]): Promise<Values>
  release(): Promise<void>
}

export interface OpenOptions {
  /**
   * One of many that run in turn, as there is one for each layer of a model: working memory is given back after each run,
   * or all of them together would hold what all need at once. Default: false.
   */
  readonly inTurn?: boolean
  /**
   * Little work with many weights: the CPU does it, over the mapped file, also where there is a device to which weights
   * would have to be copied for it. Default: where it is one of many that run in turn.
   */
  readonly host?: boolean
}

/**
 * Where the encoder and the decoder compute: the CPU, a graphics adapter through WebGPU, or CUDA where the user has
 * installed it.
 */
export const devices = ['cpu', 'webgpu', 'cuda'] as const
export type Device = (typeof devices)[number]

/** Opens sessions over one checkpoint's weights, on one device. */
export interface Engine {
  readonly device: Device
  /** Whether each session has its weights to itself, as those in a device's memory; on the CPU all share one mapped file. */
  readonly copiesWeights: boolean
  open(graph: Graph, options?: OpenOptions): Promise<Session>
}

/** A session of which only some outputs are wanted. */
export const onlyOutputs = (session: Session, wanted: readonly string[]): Session => ({
  ...session,
  run: (feeds, into) => session.run(feeds, into, wanted),
})

export const float32Value = (data: Float32Array, shape: readonly number[]): Value => ({
  dtype: 'float32',
  shape,
  data,
})

export const int32Value = (values: readonly number[], shape: readonly number[] = [values.length]): Value => ({
  dtype: 'int32',
  shape,
  data: Int32Array.from(values),
})

export const int64Value = (values: readonly number[], shape: readonly number[] = [values.length]): Value => ({
  dtype: 'int64',
  shape,
  data: BigInt64Array.from(values, BigInt),
})

/** The float32 numbers of a named output. */
export function floats(values: Values, name: string): Float32Array {
  const value = values[name]
  if (!(value?.data instanceof Float32Array)) throw new Error(`session: no float32 output "${name}"`)
  return value.data
}
