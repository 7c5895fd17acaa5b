import { tmpdir } from 'node:os'
import type { DType, Tensor } from '../../src/graph/tensor.ts'
import { float32Value, int32Value, int64Value, type Session, type Value } from '../../src/onnx/session.ts'
import { openNodeEngine } from '../../src/onnx/session-node.ts'
import type { NdArray } from './array.ts'

/** A session of onnxruntime-node on one thread. */
export const openGraph = (
  outputs: Readonly<Record<string, Tensor>>,
  weightsRoot: string = tmpdir(),
): Promise<Session> => openNodeEngine({ weightsRoot, threads: 1 }).open({ outputs })

export async function runGraph(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: Readonly<Record<string, Value>> = {},
): Promise<Record<string, NdArray>> {
  const session = await openGraph(outputs)
  const results = await session.run(feeds)
  await session.release()
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, toArray(value)]))
}

export const toArray = ({ shape, data }: Value): NdArray => ({ shape, data: Array.from(data, Number) })

export function toValue({ shape, data }: NdArray, dtype: DType = 'float32'): Value {
  if (dtype === 'int64') return int64Value(data, shape)
  if (dtype === 'int32') return int32Value(data, shape)
  return float32Value(Float32Array.from(data), shape)
}
