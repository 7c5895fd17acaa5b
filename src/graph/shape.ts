import { mismatch, requireIndices, requireRank, sameType } from './check.ts'
import {
  addDimensions,
  type Dimension,
  formatShape,
  multiplyDimensions,
  type Shape,
  sameShape,
  sizeOf,
} from './dimension.ts'
import { add, sub } from './elementwise.ts'
import { constant, constantValues, integers, scalar } from './leaves.ts'
import { dimension, GraphError, make, makeNode, normalizeAxis, resultOf, type Tensor } from './tensor.ts'

// Operators that move elements and leave their values alone.

/** The same elements in a new shape. Where more than one named size changes its place, `like` says how large all or all but one are. */
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
  const sizes = like === null ? null : shape.map(size => sizeIn(like, size))
  const open = sizes === null ? target : target.filter((_, axis) => sizes[axis] === null)
  if (sizes !== null && open.filter(size => size === -1).length <= 1) {
    const known = sizes.map((size, axis) => size ?? integers(target[axis] as number))
    return make('Reshape', [x, joinSizes(known)], x.dtype, shape)
  }
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
  requireLength('sliceTo', length)
  return make('Slice', [x, integers(0), length, integers(normal)], x.dtype, x.shape.with(normal, size))
}

/** Zeros after the last element of one axis, up to `length` (int64 [1]), known at run time and named `size`: undoes `sliceTo`. */
export function growTo(x: Tensor, axis: number, length: Tensor, size: Dimension): Tensor {
  const normal = normalizeAxis(x, axis, 'growTo')
  requireLength('growTo', length)
  const missing = sub(length, runtimeSize(dimension(x, normal), x))
  return pad('growTo', x, normal, [integers(0), missing], size)
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
  return pad('padLike', x, normal, [start, end], size)
}

/** Pads are given for all axes: ONNX Runtime 1.30 moves a transposition past a `Pad` that names its axes, and fails. */
function pad(
  name: string,
  x: Tensor,
  axis: number,
  around: readonly [before: Tensor, after: Tensor],
  size: Dimension,
): Tensor {
  const zero = scalar(0)
  sameType(name, x, zero)
  const pads = around.flatMap(count => x.shape.map((_, i) => (i === axis ? count : integers(0))))
  return make('Pad', [x, joinSizes(pads), zero], x.dtype, x.shape.with(axis, size))
}

/** Zeros after the last element of one axis, up to `size`. */
export function padTo(x: Tensor, axis: number, size: number): Tensor {
  const normal = normalizeAxis(x, axis, 'padTo')
  const missing = addDimensions(size, multiplyDimensions(-1, dimension(x, normal)))
  if (missing === 0) return x
  if (typeof missing !== 'number' || missing < 0) {
    throw new GraphError(`padTo: axis ${axis} of ${formatShape(x.shape)} cannot grow to ${size}`)
  }
  return pad('padTo', x, normal, [integers(0), integers(missing)], size)
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

/** Zeros on and below the diagonal of the last two axes. */
export function aboveDiagonal(x: Tensor): Tensor {
  requireRank('aboveDiagonal', x, 2)
  return make('Trilu', [x, constant([1], 'int64', [])], x.dtype, x.shape, { upper: 1 })
}

/** A shape as int64, known when the graph runs. */
const runtimeShape = (shape: Shape, like: Tensor): Tensor =>
  joinSizes(shape.map(size => runtimeSize(size, like)))

const joinSizes = (sizes: readonly Tensor[]): Tensor =>
  sizes.every(size => size.node.kind === 'Constant')
    ? integers(...sizes.flatMap(constantValues))
    : concat(sizes, 0)

/** A size as int64 [1], known when the graph runs: that of an axis of `like`, but for a number ("S-1" where there is "S"). */
export function runtimeSize(size: Dimension, like: Tensor): Tensor {
  const found = sizeIn(like, size)
  if (found === null) throw new GraphError(`no axis of ${formatShape(like.shape)} has the size ${size}`)
  return found
}

function sizeIn(like: Tensor, size: Dimension): Tensor | null {
  if (typeof size === 'number') return integers(size)
  for (const [axis, known] of like.shape.entries()) {
    const difference = addDimensions(size, multiplyDimensions(-1, known))
    if (typeof difference !== 'number') continue
    const found = make('Shape', [like], 'int64', [1], { start: axis, end: axis + 1 })
    return difference === 0 ? found : add(found, integers(difference))
  }
  return null
}

/** The largest int64, ONNX's way to say "to the end", rounded to what a number holds. */
const maxInt = Number.MAX_SAFE_INTEGER

/** A constant position counted from the start of an axis, given one that may count from its end. */
const fromStart = (position: number, size: Dimension): Dimension =>
  position < 0 ? addDimensions(size, position) : position

/** Whether a position or a length, where both are numbers, is none of an axis of this size. */
const isOutside = (position: Dimension, size: Dimension): boolean =>
  typeof position === 'number' &&
  (!Number.isInteger(position) || position < 0 || (typeof size === 'number' && position > size))

function requireLength(name: string, length: Tensor): void {
  if (length.dtype === 'int64' && sameShape(length.shape, [1])) return
  throw new GraphError(
    `${name}: the length is ${length.dtype}${formatShape(length.shape)}, expected int64[1]`,
  )
}

function requireJoinable(first: Tensor, part: Tensor, axis: number): void {
  sameType('concat', first, part)
  const fits = part.shape.length === first.shape.length
  const differs = first.shape.findIndex((size, i) => i !== axis && size !== part.shape[i])
  if (!fits || differs !== -1) throw mismatch(`concat: parts differ beside axis ${axis}`, first, part)
}
