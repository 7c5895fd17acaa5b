import {
  addDimensions,
  type Dimension,
  formatShape,
  multiplyDimensions,
  type Shape,
  sameShape,
  sizeOf,
} from './dimension.ts'
import {
  type Attribute,
  type DType,
  dimension,
  GraphError,
  isFloat,
  makeNode,
  type NodeKind,
  normalizeAxis,
  resultOf,
  type Tensor,
  type WeightSource,
} from './tensor.ts'

// One constructor per ONNX operator in use. Each infers the result's type and shape and refuses what the operator
// would refuse, so that a fault is reported where the model is written and not inside the runtime.

// ---------------------------------------------------------------- leaves

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

const integers = (...values: number[]): Tensor => constant(values, 'int64', [values.length])

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

// ---------------------------------------------------------------- element by element

export const add = (a: Tensor, b: Tensor): Tensor => elementwise('Add', a, b)
export const sub = (a: Tensor, b: Tensor): Tensor => elementwise('Sub', a, b)
export const mul = (a: Tensor, b: Tensor): Tensor => elementwise('Mul', a, b)
export const div = (a: Tensor, b: Tensor): Tensor => elementwise('Div', a, b)

export const neg = (x: Tensor): Tensor => unary('Neg', x)
export const exp = (x: Tensor): Tensor => unary('Exp', requireFloat('exp', x))
export const erf = (x: Tensor): Tensor => unary('Erf', requireFloat('erf', x))
export const sqrt = (x: Tensor): Tensor => unary('Sqrt', requireFloat('sqrt', x))
/** -1, 0 or 1. */
export const sign = (x: Tensor): Tensor => unary('Sign', x)
export const relu = (x: Tensor): Tensor => unary('Relu', x)
export const sigmoid = (x: Tensor): Tensor => unary('Sigmoid', requireFloat('sigmoid', x))
export const tanh = (x: Tensor): Tensor => unary('Tanh', requireFloat('tanh', x))
export const gelu = (x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor =>
  unary('Gelu', requireFloat('gelu', x), { approximate })

/** ONNX `TensorProto.DataType` codes. */
export const dtypeCodes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
}

export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x
  return make('Cast', [x], dtype, x.shape, { to: dtypeCodes[dtype] })
}

// ---------------------------------------------------------------- products and normalisation

/** Batched matrix product: [...,M,K] x [...,K,N] -> [...,M,N], leading axes broadcast. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  sameType('matmul', a, b)
  requireRank('matmul', a, 2)
  requireRank('matmul', b, 2)
  sameSize('matmul: inner sizes differ', a, -1, b, -2)
  const batch = broadcast('matmul', a, b, a.shape.slice(0, -2), b.shape.slice(0, -2))
  return make('MatMul', [a, b], a.dtype, [...batch, dimension(a, -2), dimension(b, -1)])
}

/** `x w^T + bias`: [M,K] x [N,K] (+ [N]) -> [M,N]. Weights keep the layout in which checkpoints store them. */
export function gemm(x: Tensor, w: Tensor, bias: Tensor | null = null): Tensor {
  sameType('gemm', x, w)
  if (x.shape.length !== 2 || w.shape.length !== 2) throw mismatch('gemm: expected two matrices', x, w)
  sameSize('gemm: inner sizes differ', x, 1, w, 1)
  if (bias !== null) requireVector('gemm: the bias does not fit the weight', w, 0, bias)
  const inputs = bias === null ? [x, w] : [x, w, bias]
  return make('Gemm', inputs, x.dtype, [dimension(x, 0), dimension(w, 0)], { transB: 1 })
}

export function softmax(x: Tensor, axis = -1): Tensor {
  requireFloat('softmax', x)
  return make('Softmax', [x], x.dtype, x.shape, { axis: normalizeAxis(x, axis, 'softmax') })
}

/** The logarithm of the softmax, exact where the softmax itself would vanish. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const normal = normalizeAxis(x, axis, 'logSoftmax')
  return make('LogSoftmax', [requireFloat('logSoftmax', x)], x.dtype, x.shape, { axis: normal })
}

/** Over the last axis; `scale` and `bias` have its size. */
export function layerNormalization(x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): Tensor {
  requireFloat('layerNormalization', x)
  requireVector('layerNormalization: the scale does not fit', x, -1, scale)
  requireVector('layerNormalization: the bias does not fit', x, -1, bias)
  return make('LayerNormalization', [x, scale, bias], x.dtype, x.shape, {
    axis: -1,
    epsilon: { float: epsilon },
  })
}

/** Over the last axis; `scale` has its size. */
export function rmsNormalization(x: Tensor, scale: Tensor, epsilon: number): Tensor {
  requireFloat('rmsNormalization', x)
  requireVector('rmsNormalization: the scale does not fit', x, -1, scale)
  return make('RMSNormalization', [x, scale], x.dtype, x.shape, { axis: -1, epsilon: { float: epsilon } })
}

/** Mean over one axis, which is dropped. */
export function reduceMean(x: Tensor, axis: number): Tensor {
  const normal = normalizeAxis(x, axis, 'reduceMean')
  return make('ReduceMean', [x, integers(normal)], x.dtype, x.shape.toSpliced(normal, 1), { keepdims: 0 })
}

/** Sum over some axes, which are kept with size 1. */
export function reduceSum(x: Tensor, axes: readonly number[]): Tensor {
  const normal = axes.map(axis => normalizeAxis(x, axis, 'reduceSum'))
  if (normal.length === 0) return x
  const shape = x.shape.map((size, axis) => (normal.includes(axis) ? 1 : size))
  return make('ReduceSum', [x, integers(...normal)], x.dtype, shape, { keepdims: 1 })
}

// ---------------------------------------------------------------- shape

/** The same elements in a new shape. Where more than one named size changes its place, `like` says how large they are. */
export function reshape(x: Tensor, shape: Shape, like: Tensor | null = null): Tensor {
  if (sameShape(x.shape, shape)) return x
  if (sizeOf(x.shape) !== sizeOf(shape)) {
    throw new GraphError(`reshape: ${formatShape(x.shape)} does not fill ${formatShape(shape)}`)
  }
  const target = shape.map((size, axis) =>
    typeof size === 'number' ? size : size === x.shape[axis] ? 0 : -1,
  )
  if (target.filter(size => size === -1).length <= 1)
    return make('Reshape', [x, integers(...target)], x.dtype, shape)
  if (like !== null) return make('Reshape', [x, runtimeShape(shape, like)], x.dtype, shape)
  throw new GraphError(
    `reshape: more than one named size moves from ${formatShape(x.shape)} to ${formatShape(shape)}`,
  )
}

export function transpose(x: Tensor, perm: readonly number[]): Tensor {
  const axes = perm.map(axis => normalizeAxis(x, axis, 'transpose'))
  if (axes.length !== x.shape.length || new Set(axes).size !== axes.length) {
    throw new GraphError(`transpose: ${formatShape(perm)} does not order the axes of ${formatShape(x.shape)}`)
  }
  return make(
    'Transpose',
    [x],
    x.dtype,
    axes.map(axis => dimension(x, axis)),
    { perm: axes },
  )
}

export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const first = parts[0]
  if (first === undefined) throw new GraphError('concat: nothing to join')
  const normal = normalizeAxis(first, axis, 'concat')
  for (const part of parts) requireJoinable(first, part, normal)
  const size = parts.map(part => dimension(part, normal)).reduce(addDimensions)
  return make('Concat', parts, first.dtype, first.shape.with(normal, size), { axis: normal })
}

/** Elements `start` to `end` (exclusive; both constant, negative from the end) of one axis. */
export function slice(x: Tensor, axis: number, start: number, end: number | null = null): Tensor {
  const normal = normalizeAxis(x, axis, 'slice')
  const size = dimension(x, normal)
  const from = fromStart(start, size)
  const to = end === null ? size : fromStart(end, size)
  const length = addDimensions(to, multiplyDimensions(-1, from))
  if (isOutside(from, size) || isOutside(to, size) || isOutside(length, size)) {
    throw new GraphError(
      `slice: ${start} to ${end ?? 'the end'} is outside axis ${axis} of ${formatShape(x.shape)}`,
    )
  }
  const bounds = [integers(start), integers(end ?? maxInt), integers(normal)]
  return make('Slice', [x, ...bounds], x.dtype, x.shape.with(normal, length))
}

/** The first `length` elements of one axis, where `length` (int64 [1]) is known at run time and named `size`. */
export function sliceTo(x: Tensor, axis: number, length: Tensor, size: Dimension): Tensor {
  const normal = normalizeAxis(x, axis, 'sliceTo')
  if (length.dtype !== 'int64' || !sameShape(length.shape, [1])) {
    throw new GraphError(
      `sliceTo: the length is ${length.dtype}${formatShape(length.shape)}, expected int64[1]`,
    )
  }
  return make('Slice', [x, integers(0), length, integers(normal)], x.dtype, x.shape.with(normal, size))
}

/** One axis cut into parts as long as that axis of each of `like`: undoes `concat`. */
export function splitLike(x: Tensor, axis: number, like: readonly Tensor[]): Tensor[] {
  const normal = normalizeAxis(x, axis, 'splitLike')
  const lengths = like.map(part => dimension(part, normal))
  const total = lengths.reduce(addDimensions, 0)
  if (total !== dimension(x, normal)) {
    throw new GraphError(`splitLike: parts of ${total} do not fill axis ${axis} of ${formatShape(x.shape)}`)
  }
  const sizes = joinSizes(like.map((part, i) => runtimeSize(lengths[i] as Dimension, part)))
  const results = lengths.map(length => ({ dtype: x.dtype, shape: x.shape.with(normal, length) }))
  const node = makeNode('Split', [x, sizes], { axis: normal }, results)
  return results.map((_, i) => resultOf(node, i))
}

/** Zeros around `x` on one axis, `before` of them first and as long as that axis of `like` in all: undoes `slice`. */
export function padLike(x: Tensor, axis: number, before: Dimension, like: Tensor): Tensor {
  const normal = normalizeAxis(x, axis, 'padLike')
  const [length, size] = [dimension(x, normal), dimension(like, normal)]
  const after = addDimensions(size, multiplyDimensions(-1, addDimensions(before, length)))
  if (isOutside(before, size) || isOutside(after, size)) {
    throw new GraphError(
      `padLike: ${length} from ${before} on is outside axis ${axis} of ${formatShape(like.shape)}`,
    )
  }
  const start = runtimeSize(before, like)
  const end =
    typeof after === 'number'
      ? integers(after)
      : sub(runtimeSize(size, like), add(start, runtimeSize(length, x)))
  return pad('padLike', x, normal, joinSizes([start, end]), size)
}

function pad(name: string, x: Tensor, axis: number, pads: Tensor, size: Dimension): Tensor {
  const zero = scalar(0)
  sameType(name, x, zero)
  return make('Pad', [x, pads, zero, integers(axis)], x.dtype, x.shape.with(axis, size))
}

/** Where an axis, which is dropped, has its largest number; the first such place. int64. */
export function argMax(x: Tensor, axis = -1): Tensor {
  const normal = normalizeAxis(x, axis, 'argMax')
  return make('ArgMax', [x], 'int64', x.shape.toSpliced(normal, 1), { axis: normal, keepdims: 0 })
}

/** 1 at an index and 0 elsewhere: [...] -> float32 [...,depth]. */
export function oneHot(indices: Tensor, depth: number): Tensor {
  requireIndices('oneHot', indices)
  const inputs = [indices, integers(depth), constant([0, 1], 'float32', [2])]
  return make('OneHot', inputs, 'float32', [...indices.shape, depth], { axis: -1 })
}

/** Zeros after the last element of one axis, up to `size`. */
export function padTo(x: Tensor, axis: number, size: number): Tensor {
  const normal = normalizeAxis(x, axis, 'padTo')
  const missing = addDimensions(size, multiplyDimensions(-1, dimension(x, normal)))
  if (missing === 0) return x
  if (typeof missing !== 'number' || missing < 0) {
    throw new GraphError(`padTo: axis ${axis} of ${formatShape(x.shape)} cannot grow to ${size}`)
  }
  return pad('padTo', x, normal, integers(0, missing), size)
}

/** Rows `indices` of an axis: that axis is replaced by the shape of `indices`. */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  const normal = normalizeAxis(x, axis, 'gather')
  requireIndices('gather', indices)
  const shape = [...x.shape.slice(0, normal), ...indices.shape, ...x.shape.slice(normal + 1)]
  return make('Gather', [x, indices], x.dtype, shape, { axis: normal })
}

/** Broadcasts `x` to `shape`, whose named sizes are those of `like`. */
export function expand(x: Tensor, shape: Shape, like: Tensor): Tensor {
  if (!expandsTo(x.shape, shape)) {
    throw new GraphError(`expand: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`)
  }
  return make('Expand', [x, runtimeShape(shape, like)], x.dtype, shape)
}

const expandsTo = (from: Shape, to: Shape): boolean =>
  from.length <= to.length &&
  from.every((size, axis) => size === 1 || size === to[axis - from.length + to.length])

/** A shape as int64, known when the graph runs. */
const runtimeShape = (shape: Shape, like: Tensor): Tensor =>
  joinSizes(shape.map(size => runtimeSize(size, like)))

const joinSizes = (sizes: readonly Tensor[]): Tensor =>
  sizes.every(size => size.node.kind === 'Constant')
    ? integers(...sizes.flatMap(constantValues))
    : concat(sizes, 0)

/** A size as int64 [1], known when the graph runs: that of an axis of `like`, but for a number ("S-1" where there is "S"). */
export function runtimeSize(size: Dimension, like: Tensor): Tensor {
  if (typeof size === 'number') return integers(size)
  for (const [axis, known] of like.shape.entries()) {
    const difference = addDimensions(size, multiplyDimensions(-1, known))
    if (typeof difference !== 'number') continue
    const found = make('Shape', [like], 'int64', [1], { start: axis, end: axis + 1 })
    return difference === 0 ? found : add(found, integers(difference))
  }
  throw new GraphError(`no axis of ${formatShape(like.shape)} has the size ${size}`)
}

// ---------------------------------------------------------------- attention with a cache

/**
 * Causal attention of S new positions over a cache of C places, which it extends.
 *
 * S new positions · H query heads · K key/value heads · D head size, a multiple of 8 · C places in the cache
 *
 * @param q [1,S,H*D], k and v [1,S,K*D]: positions already rotated in
 * @param pastKey [1,K,C,D], pastValue likewise. Where the caller binds the same memory as past and present, the
 *   operator writes the new keys and values in place and nothing is copied.
 * @param lastPosition int32 [1]: positions in the cache after this step, minus one
 * @param totalLength int32 []: positions in the cache after this step
 * @returns attended [1,S,H*D], presentKey and presentValue [1,K,C,D]
 */
export function groupQueryAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  pastKey: Tensor,
  pastValue: Tensor,
  lastPosition: Tensor,
  totalLength: Tensor,
  options: { readonly heads: number; readonly kvHeads: number; readonly scale: number },
): [attended: Tensor, presentKey: Tensor, presentValue: Tensor] {
  const { heads, kvHeads } = options
  const [positions, places, size] = [dimension(q, 1), dimension(pastKey, 2), dimension(pastKey, 3)]
  if (typeof size !== 'number' || size % 8 !== 0)
    throw new GraphError(`groupQueryAttention: a head has ${size} channels, expected a multiple of 8`)
  if (heads % kvHeads !== 0)
    throw new GraphError(`groupQueryAttention: ${heads} query heads do not share ${kvHeads} key heads evenly`)
  requireShape('groupQueryAttention: q', q, [1, positions, heads * size])
  requireShape('groupQueryAttention: k', k, [1, positions, kvHeads * size])
  requireShape('groupQueryAttention: v', v, [1, positions, kvHeads * size])
  requireShape('groupQueryAttention: pastKey', pastKey, [1, kvHeads, places, size])
  requireShape('groupQueryAttention: pastValue', pastValue, [1, kvHeads, places, size])
  requireShape('groupQueryAttention: lastPosition', lastPosition, [1])
  requireShape('groupQueryAttention: totalLength', totalLength, [])
  const node = makeNode(
    'GroupQueryAttention',
    [q, k, v, pastKey, pastValue, lastPosition, totalLength],
    { num_heads: heads, kv_num_heads: kvHeads, scale: { float: options.scale } },
    [q, pastKey, pastValue].map(({ dtype, shape }) => ({ dtype, shape })),
  )
  return [resultOf(node, 0), resultOf(node, 1), resultOf(node, 2)]
}

// ---------------------------------------------------------------- shared by the constructors

/** The largest int64, ONNX's way to say "to the end", rounded to what a number holds. */
const maxInt = Number.MAX_SAFE_INTEGER

function make(
  kind: NodeKind,
  inputs: readonly Tensor[],
  dtype: DType,
  shape: Shape,
  attributes: Readonly<Record<string, Attribute>> = {},
): Tensor {
  return resultOf(makeNode(kind, inputs, attributes, [{ dtype, shape }]), 0)
}

function unary(kind: NodeKind, x: Tensor, attributes: Readonly<Record<string, Attribute>> = {}): Tensor {
  return make(kind, [x], x.dtype, x.shape, attributes)
}

function elementwise(kind: NodeKind, a: Tensor, b: Tensor): Tensor {
  const name = kind.toLowerCase()
  sameType(name, a, b)
  return make(kind, [a, b], a.dtype, broadcast(name, a, b, a.shape, b.shape))
}

function broadcast(name: string, a: Tensor, b: Tensor, left: Shape, right: Shape): Shape {
  const rank = Math.max(left.length, right.length)
  return Array.from({ length: rank }, (_, axis) => {
    const x = left[axis - rank + left.length] ?? 1
    const y = right[axis - rank + right.length] ?? 1
    if (x === y || y === 1) return x
    if (x === 1) return y
    throw mismatch(`${name}: shapes do not broadcast`, a, b, `${x} is not ${y}`)
  })
}

/** A constant position counted from the start of an axis, given one that may count from its end. */
const fromStart = (position: number, size: Dimension): Dimension =>
  position < 0 ? addDimensions(size, position) : position

/** Whether a position or a length, where both are numbers, is none of an axis of this size. */
const isOutside = (position: Dimension, size: Dimension): boolean =>
  typeof position === 'number' &&
  (!Number.isInteger(position) || position < 0 || (typeof size === 'number' && position > size))

function mismatch(what: string, a: Tensor, b: Tensor, why?: string): GraphError {
  const detail = why === undefined ? '' : ` (${why})`
  return new GraphError(`${what}, ${formatShape(a.shape)} x ${formatShape(b.shape)}${detail}`)
}

function sameType(name: string, a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype) throw new GraphError(`${name}: types differ, ${a.dtype} x ${b.dtype}`)
}

function sameSize(what: string, a: Tensor, axisOfA: number, b: Tensor, axisOfB: number): void {
  const [x, y] = [dimension(a, axisOfA), dimension(b, axisOfB)]
  if (x !== y) throw mismatch(what, a, b, `${x} is not ${y}`)
}

function requireFloat(name: string, x: Tensor): Tensor {
  if (isFloat(x)) return x
  throw new GraphError(`${name}: ${x.dtype}${formatShape(x.shape)} is not of a float type`)
}

function requireIndices(name: string, indices: Tensor): void {
  if (indices.dtype === 'int64' || indices.dtype === 'int32') return
  throw new GraphError(`${name}: indices are ${indices.dtype}, expected int64 or int32`)
}

function requireShape(what: string, x: Tensor, shape: Shape): void {
  if (sameShape(x.shape, shape)) return
  throw new GraphError(`${what} is ${formatShape(x.shape)}, expected ${formatShape(shape)}`)
}

/** That `vector` has one axis, the size of an axis of `x`, and its type. */
function requireVector(what: string, x: Tensor, axis: number, vector: Tensor): void {
  sameType(what, x, vector)
  if (!sameShape(vector.shape, [dimension(x, axis)])) throw mismatch(what, x, vector)
}

function requireRank(name: string, x: Tensor, rank: number): void {
  if (x.shape.length < rank)
    throw new GraphError(`${name}: ${formatShape(x.shape)} has fewer than ${rank} axes`)
}

function requireJoinable(first: Tensor, part: Tensor, axis: number): void {
  sameType('concat', first, part)
  const fits = part.shape.length === first.shape.length
  const differs = first.shape.findIndex((size, i) => i !== axis && size !== part.shape[i])
  if (!fits || differs !== -1) throw mismatch(`concat: parts differ beside axis ${axis}`, first, part)
}
