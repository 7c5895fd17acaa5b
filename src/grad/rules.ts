import { addDimensions } from '../graph/dimension.ts'
import {
  type AttentionHeads,
  aboveDiagonal,
  add,
  type BlockMatrix,
  cast,
  constantValues,
  dequantize,
  div,
  erf,
  exp,
  expand,
  matmul,
  mul,
  neg,
  padLike,
  reduceMean,
  reduceSum,
  reshape,
  runtimeSize,
  scalar,
  sign,
  slice,
  sliceTo,
  splitLike,
  sqrt,
  sub,
  tanh,
  transpose,
} from '../graph/ops.ts'
import { dimension, GraphError, type Node, type NodeKind, type Tensor } from '../graph/tensor.ts'
import { attentionGradients } from './attention.ts'

/**
 * What reaches each input of a node, given what reaches its result.
 *
 * @param g the gradient of the node's first result, of its shape
 * @param x the node's inputs, as many as it has
 * @param y the node's first result
 * @returns the gradient of each input, of its shape; null, or nothing, for one that is an index or a size
 */
export type Rule = (g: Tensor, x: Inputs, y: Tensor, node: Node) => readonly (Tensor | null)[]

type Inputs = readonly [Tensor, Tensor, Tensor, ...Tensor[]]

/**
 * One rule for every operator. Without a gradient are leaves, what gives whole numbers, and what makes gradients and is
 * not differentiated again.
 */
export const rules: Readonly<Record<NodeKind, Rule | 'no gradient'>> = {
  Input: 'no gradient',
  Weight: 'no gradient',
  Constant: 'no gradient',

  Add: (g, [a, b]) => [sumTo(a, g), sumTo(b, g)],
  Sub: (g, [a, b]) => [sumTo(a, g), sumTo(b, neg(g))],
  Mul: (g, [a, b]) => [sumTo(a, mul(g, b)), sumTo(b, mul(g, a))],
  Div: (g, [a, b], y) => [sumTo(a, div(g, b)), sumTo(b, neg(div(mul(g, y), b)))],

  Neg: g => [neg(g)],
  Exp: (g, _, y) => [mul(g, y)],
  Sqrt: (g, _, y) => [div(g, mul(scalar(2), y))],
  Erf: (g, [x]) => [mul(g, mul(scalar(2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x)))))],
  Relu: (g, _, y) => [mul(g, sign(y))],
  Sigmoid: (g, _, y) => [mul(g, mul(y, sub(scalar(1), y)))],
  Tanh: (g, _, y) => [mul(g, sub(scalar(1), mul(y, y)))],
  Gelu: (g, [x], _, node) => [
    mul(g, node.attributes.approximate === 'tanh' ? tanhGeluSlope(x) : geluSlope(x)),
  ],
  Sign: 'no gradient',
  Cast: (g, [x]) => [cast(g, x.dtype)],

  MatMul: (g, [a, b]) => [sumTo(a, matmul(g, swapLast(b))), sumTo(b, matmul(swapLast(a), g))],
  Gemm: (g, [x, w, bias]) => [
    matmul(g, w),
    matmul(swapLast(g), x),
    bias === undefined ? null : sumTo(bias, g),
  ],
  // By its input alone: weights in few bits are not differentiated by.
  MatMulNBits: (g, [, values, scales, zeros], _, { attributes: { bits, block_size: blockSize } }) => [
    matmul(g, dequantize({ bits, blockSize, values, scales, zeros: zeros as Tensor } as BlockMatrix)),
  ],
  Softmax: (g, _, y, node) => [mul(y, sub(g, reduceSum(mul(g, y), [axisOf(node)])))],
  LogSoftmax: (g, _, y, node) => [sub(g, mul(exp(y), reduceSum(g, [axisOf(node)])))],
  LayerNormalization: (g, [x, scale, bias], _, node) => {
    const centred = sub(x, meanOfLast(x))
    const spread = rootMeanSquare(centred, node)
    const normal = div(centred, spread)
    const inner = mul(g, scale)
    const along = sub(sub(inner, meanOfLast(inner)), mul(normal, meanOfLast(mul(inner, normal))))
    return [div(along, spread), sumTo(scale, mul(g, normal)), sumTo(bias, g)]
  },
  RMSNormalization: (g, [x, scale], _, node) => {
    const spread = rootMeanSquare(x, node)
    const normal = div(x, spread)
    const inner = mul(g, scale)
    const along = sub(inner, mul(normal, meanOfLast(mul(inner, normal))))
    return [div(along, spread), sumTo(scale, mul(g, normal))]
  },
  ReduceSum: (g, [x]) => [expand(g, x.shape, x)],
  ReduceMean: (g, [x, axes]) => {
    const axis = constantValues(axes)[0] as number
    const kept = reshape(g, x.shape.with(axis, 1), x)
    return [expand(div(kept, cast(runtimeSize(dimension(x, axis), x), 'float32')), x.shape, x)]
  },

  Reshape: (g, [x]) => [reshape(g, x.shape, x)],
  Trilu: g => [aboveDiagonal(g)],
  Transpose: (g, _, __, node) => {
    const perm = node.attributes.perm as readonly number[]
    const inverse = perm.map((_, axis) => perm.indexOf(axis))
    return [transpose(g, inverse)]
  },
  Concat: (g, parts, _, node) => splitLike(g, axisOf(node), parts),
  Slice: (g, [x, starts, , axes]) => {
    const axis = constantValues(axes as Tensor)[0] as number
    const start = constantValues(starts)[0] as number
    const before = start < 0 ? addDimensions(dimension(x, axis), start) : start
    return [padLike(g, axis, before, x)]
  },
  Pad: (g, [x, pads], y) => {
    const axis = x.shape.findIndex((size, i) => size !== y.shape[i])
    if (axis === -1) return [g]
    // What comes before is constant, what comes after may be known only when the graph runs.
    const { kind, inputs } = pads.node
    const [start] =
      kind === 'Concat' ? constantValues(inputs[axis] as Tensor) : constantValues(pads).slice(axis)
    const inside = slice(g, axis, start as number)
    return [sliceTo(inside, axis, runtimeSize(dimension(x, axis), x), dimension(x, axis))]
  },
  Expand: (g, [x]) => [sumTo(x, g)],
  DequantizeLinear: 'no gradient',
  Split: 'no gradient',
  Gather: 'no gradient',
  ArgMax: 'no gradient',
  OneHot: 'no gradient',
  Shape: 'no gradient',
  GroupQueryAttention: (g, [q, k, v, past], y, { attributes }) => {
    // Over a cache the written-out attention takes its place.
    if ((past as Tensor | null) !== null)
      throw new GraphError('grad: GroupQueryAttention over a cache has no gradient')
    const [positions, { num_heads: heads, kv_num_heads: kvHeads }] = [dimension(q, 1), attributes]
    const later = aboveDiagonal(expand(scalar(-1e30), [positions, positions], q))
    const options = { heads, kvHeads, scale: scaleOf(attributes) } as AttentionHeads
    return attentionGradients(g, { q, k, v, y }, options, later)
  },
  MultiHeadAttention: (g, [q, k, v], y, { attributes }) => {
    const heads = attributes.num_heads as number
    return attentionGradients(g, { q, k, v, y }, { heads, kvHeads: heads, scale: scaleOf(attributes) })
  },
}

const scaleOf = ({ scale }: Node['attributes']): number => (scale as { float: number }).float

/** Undoes broadcasting: what reaches every copy of `x` is added up to the shape of `x`. */
function sumTo(x: Tensor, g: Tensor): Tensor {
  const added = g.shape.length - x.shape.length
  const axes = g.shape.flatMap((size, axis) => {
    const own = axis < added ? undefined : x.shape[axis - added]
    return own === undefined || (own === 1 && size !== 1) ? [axis] : []
  })
  return reshape(reduceSum(g, axes), x.shape, x)
}

const axisOf = (node: Node): number => node.attributes.axis as number

function swapLast(x: Tensor): Tensor {
  const axes = x.shape.map((_, axis) => axis)
  return transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2])
}

/** Mean over the last axis, which is kept with size 1. */
const meanOfLast = (x: Tensor): Tensor => reshape(reduceMean(x, -1), x.shape.with(-1, 1))

function rootMeanSquare(x: Tensor, node: Node): Tensor {
  const { float: epsilon } = node.attributes.epsilon as { float: number }
  return sqrt(add(meanOfLast(mul(x, x)), scalar(epsilon)))
}

/** Of x times the normal distribution function. */
function geluSlope(x: Tensor): Tensor {
  const below = mul(scalar(0.5), add(scalar(1), erf(mul(x, scalar(Math.SQRT1_2)))))
  const density = mul(scalar(1 / Math.sqrt(2 * Math.PI)), exp(mul(scalar(-0.5), mul(x, x))))
  return add(below, mul(x, density))
}

/** Of x (1 + tanh u) / 2 with u = k (x + c x^3). */
function tanhGeluSlope(x: Tensor): Tensor {
  const [k, c] = [Math.sqrt(2 / Math.PI), 0.044715]
  const square = mul(x, x)
  const t = tanh(mul(scalar(k), mul(x, add(scalar(1), mul(scalar(c), square)))))
  const inner = mul(scalar(k), add(scalar(1), mul(scalar(3 * c), square)))
  const outer = mul(mul(scalar(0.5), x), mul(sub(scalar(1), mul(t, t)), inner))
  return add(mul(scalar(0.5), add(scalar(1), t)), outer)
}
