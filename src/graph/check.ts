import { formatShape, type Shape, sameShape } from './dimension.ts'
import { dimension, GraphError, isFloat, type Tensor } from './tensor.ts'

// What constructors refuse, in one place and with one wording.

export function broadcast(name: string, a: Tensor, b: Tensor, left: Shape, right: Shape): Shape {
  const rank = Math.max(left.length, right.length)
  return Array.from({ length: rank }, (_, axis) => {
    const x = left[axis - rank + left.length] ?? 1
    const y = right[axis - rank + right.length] ?? 1
    if (x === y || y === 1) return x
    if (x === 1) return y
    throw mismatch(`${name}: shapes do not broadcast`, a, b, `${x} is not ${y}`)
  })
}

export function mismatch(what: string, a: Tensor, b: Tensor, why?: string): GraphError {
  const detail = why === undefined ? '' : ` (${why})`
  return new GraphError(`${what}, ${formatShape(a.shape)} x ${formatShape(b.shape)}${detail}`)
}

export function sameType(name: string, a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype) throw new GraphError(`${name}: types differ, ${a.dtype} x ${b.dtype}`)
}

export function sameSize(what: string, a: Tensor, axisOfA: number, b: Tensor, axisOfB: number): void {
  const [x, y] = [dimension(a, axisOfA), dimension(b, axisOfB)]
  if (x !== y) throw mismatch(what, a, b, `${x} is not ${y}`)
}

export function requireFloat(name: string, x: Tensor): Tensor {
  if (isFloat(x)) return x
  throw new GraphError(`${name}: ${x.dtype}${formatShape(x.shape)} is not of a float type`)
}

export function requireIndices(name: string, indices: Tensor): void {
  if (indices.dtype === 'int64' || indices.dtype === 'int32') return
  throw new GraphError(`${name}: indices are ${indices.dtype}, expected int64 or int32`)
}

export function requireShape(what: string, x: Tensor, shape: Shape): void {
  if (sameShape(x.shape, shape)) return
  throw new GraphError(`${what} is ${formatShape(x.shape)}, expected ${formatShape(shape)}`)
}

/** That `vector` has one axis, the size of an axis of `x`, and its type. */
export function requireVector(what: string, x: Tensor, axis: number, vector: Tensor): void {
  sameType(what, x, vector)
  if (!sameShape(vector.shape, [dimension(x, axis)])) throw mismatch(what, x, vector)
}

export function requireRank(name: string, x: Tensor, rank: number): void {
  if (x.shape.length < rank)
    throw new GraphError(`${name}: ${formatShape(x.shape)} has fewer than ${rank} axes`)
}
