import { formatShape, type Shape, sizeOf } from './dimension.ts'
import { type DType, GraphError, makeNode, resultOf, type Tensor, type WeightSource } from './tensor.ts'

// The ends of an expression: graph inputs, weights and constants.

export const input = (name: string, dtype: DType, shape: Shape): Tensor =>
  resultOf(makeNode('Input', [], {}, [{ dtype, shape }], name), 0)

/** A tensor of the checkpoint, left where it lies. `shape` may regroup its elements, not reorder them. */
export const weight = (source: WeightSource, dtype: DType, shape: Shape): Tensor =>
  resultOf(makeNode('Weight', [], {}, [{ dtype, shape }], source), 0)

/** Numbers written into the graph itself: for tables and scalars, not for weights. */
export function constant(
  values: readonly number[] | Float32Array,
  dtype: 'float32' | 'int64' | 'int32',
  shape: Shape,
): Tensor {
  if (sizeOf(shape) !== values.length) {
    throw new GraphError(`constant: ${values.length} values do not fill ${formatShape(shape)}`)
  }
  return resultOf(makeNode('Constant', [], {}, [{ dtype, shape }], encode(values, dtype)), 0)
}

export const scalar = (value: number): Tensor => constant([value], 'float32', [])

/** int64 [count]. */
export const integers = (...values: number[]): Tensor => constant(values, 'int64', [values.length])

function encode(values: readonly number[] | Float32Array, dtype: 'float32' | 'int64' | 'int32'): Uint8Array {
  const width = dtype === 'int64' ? 8 : 4
  const view = new DataView(new ArrayBuffer(values.length * width))
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    if (dtype === 'float32') view.setFloat32(i * width, value, true)
    else if (dtype === 'int32') view.setInt32(i * width, value, true)
    else view.setBigInt64(i * width, BigInt(value), true)
  }
  return new Uint8Array(view.buffer)
}

/** The numbers of a constant, as `constant` was given them. */
export function constantValues(x: Tensor): number[] {
  const bytes = x.node.value
  if (!(bytes instanceof Uint8Array)) throw new GraphError(`${x.node.kind} is no constant`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const width = x.dtype === 'int64' ? 8 : 4
  const read = (offset: number): number => {
    if (x.dtype === 'int64') return Number(view.getBigInt64(offset, true))
    return x.dtype === 'int32' ? view.getInt32(offset, true) : view.getFloat32(offset, true)
  }
  return Array.from({ length: bytes.byteLength / width }, (_, i) => read(i * width))
}
