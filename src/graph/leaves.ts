import { formatShape, type Shape, sizeOf } from './dimension.ts'
import { type DType, GraphError, makeNode, resultOf, type Tensor, type WeightSource } from './tensor.ts'

// The ends of an expression: graph inputs, weights and constants.

export const input = (name: string, dtype: DType, shape: Shape): Tensor =>
  resultOf(makeNode('Input', [], {}, [{ dtype, shape }], name), 0)

/** A tensor of the checkpoint, left where it lies. `shape` may regroup its elements, not reorder them. */
export const weight = (source: WeightSource, dtype: DType, shape: Shape): Tensor =>
  resultOf(makeNode('Weight', [], {}, [{ dtype, shape }], source), 0)

type ConstantType = 'float32' | 'int64' | 'int32' | 'uint8'

/** Numbers written into the graph itself: for tables and scalars, not for weights. */
export function constant(
  values: readonly number[] | Float32Array,
  dtype: ConstantType,
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

interface Codec {
  readonly bytes: number
  readonly set: (view: DataView, offset: number, value: number) => void
  readonly get: (view: DataView, offset: number) => number
}

const codecs: Readonly<Record<ConstantType, Codec>> = {
  float32: {
    bytes: 4,
    set: (view, offset, value) => view.setFloat32(offset, value, true),
    get: (view, offset) => view.getFloat32(offset, true),
  },
  int32: {
    bytes: 4,
    set: (view, offset, value) => view.setInt32(offset, value, true),
    get: (view, offset) => view.getInt32(offset, true),
  },
  int64: {
    bytes: 8,
    set: (view, offset, value) => view.setBigInt64(offset, BigInt(value), true),
    get: (view, offset) => Number(view.getBigInt64(offset, true)),
  },
  uint8: {
    bytes: 1,
    set: (view, offset, value) => view.setUint8(offset, value),
    get: (view, offset) => view.getUint8(offset),
  },
}

function encode(values: readonly number[] | Float32Array, dtype: ConstantType): Uint8Array {
  const { bytes, set } = codecs[dtype]
  const view = new DataView(new ArrayBuffer(values.length * bytes))
  for (let i = 0; i < values.length; i++) set(view, i * bytes, values[i] as number)
  return new Uint8Array(view.buffer)
}

/** The numbers of a constant, as `constant` was given them; of one in another guise, its bytes. */
export function constantValues(x: Tensor): number[] {
  const data = x.node.value
  if (!(data instanceof Uint8Array)) throw new GraphError(`${x.node.kind} is no constant`)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const { bytes, get } = codecs[x.dtype as ConstantType] ?? codecs.uint8
  return Array.from({ length: data.byteLength / bytes }, (_, i) => get(view, i * bytes))
}

/** The bytes of a weight or a constant read as another type and shape. */
export function reread({ node }: Tensor, dtype: DType, shape: Shape): Tensor {
  if (node.kind !== 'Weight' && node.kind !== 'Constant')
    throw new GraphError(`reread: ${node.kind} is neither a weight nor a constant`)
  return resultOf(makeNode(node.kind, [], {}, [{ dtype, shape }], node.value), 0)
}
