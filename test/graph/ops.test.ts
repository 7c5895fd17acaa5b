import { describe, expect, it } from 'vitest'
import { type Dimension, formatShape, type Shape } from '../../src/graph/dimension.ts'
import { inputsOf, nodesOf } from '../../src/graph/graph.ts'
import * as ops from '../../src/graph/ops.ts'
import { type DType, dimension, resultOf, scoped, type Tensor } from '../../src/graph/tensor.ts'

type Constructor = Exclude<keyof typeof ops, 'dtypeCodes'>

const x = (...shape: Dimension[]): Tensor => ops.input('x', 'float32', shape)
const y = (...shape: Dimension[]): Tensor => ops.input('y', 'float32', shape)
const whole = (...shape: Dimension[]): Tensor => ops.input('indices', 'int64', shape)
const half = (...shape: Dimension[]): Tensor => ops.input('half', 'float16', shape)
const source = { name: 'w', file: 'model.safetensors', offset: 0, length: 24 }

function blocks(bits: 4 | 8, scales: Shape, values: Shape, zeros: Shape): ops.BlockMatrix {
  const part = (dtype: DType, shape: Shape): Tensor => ops.weight(source, dtype, shape)
  return {
    bits,
    blockSize: 32,
    values: part('uint8', values),
    scales: part('float32', scales),
    zeros: part('uint8', zeros),
  }
}
const fourBits = blocks(4, [24, 2], [24, 2, 16], [24, 1])
const eightBits = blocks(8, [24, 3], [24, 3, 32], [24, 3])

interface Attention {
  readonly q: Shape
  readonly k: Shape
  readonly v: Shape
  readonly past: readonly [Shape, Shape]
  readonly last: Shape
  readonly total: Shape
  readonly heads: number
}
const attention: Attention = {
  q: [1, 'S', 32],
  k: [1, 'S', 16],
  v: [1, 'S', 16],
  past: [
    [1, 2, 'P', 8],
    [1, 2, 'P', 8],
  ],
  last: [1],
  total: [],
  heads: 4,
}
function groupQueryAttention(changes: Partial<Attention> = {}): [Tensor, Tensor, Tensor] {
  const { q, k, v, past, last, total, heads } = { ...attention, ...changes }
  return ops.groupQueryAttention(
    x(...q),
    x(...k),
    x(...v),
    x(...past[0]),
    x(...past[1]),
    ops.input('last', 'int32', last),
    ops.input('total', 'int32', total),
    { heads, kvHeads: 2, scale: 0.5 },
  )
}

const heads = (count: number): { heads: number; scale: number } => ({ heads: count, scale: 0.5 })

/** What each constructor infers. */
const inferred: Readonly<Record<Constructor, readonly [built: () => Tensor, type: string][]>> = {
  input: [[() => ops.input('ids', 'int64', ['B', 'S']), 'int64[B,S]']],
  weight: [[() => ops.weight(source, 'bfloat16', [3, 4]), 'bfloat16[3,4]']],
  constant: [
    [() => ops.constant([1, 2, 3, 4, 5, 6], 'int32', [2, 3]), 'int32[2,3]'],
    [() => ops.constant(new Float32Array(0), 'float32', [0]), 'float32[0]'],
  ],
  constantValues: [],
  scalar: [[() => ops.scalar(2.5), 'float32[]']],
  add: [
    [() => ops.add(x('B', 1, 8), y('S', 1)), 'float32[B,S,8]'],
    [() => ops.add(whole(1), whole('S-1')), 'int64[S-1]'],
  ],
  sub: [[() => ops.sub(x('S', 8), y()), 'float32[S,8]']],
  mul: [[() => ops.mul(x(8), y(2, 'P+S', 8)), 'float32[2,P+S,8]']],
  div: [[() => ops.div(x(1, 1), y('S', 'S')), 'float32[S,S]']],
  neg: [[() => ops.neg(whole('S')), 'int64[S]']],
  exp: [[() => ops.exp(x('S', 2)), 'float32[S,2]']],
  erf: [[() => ops.erf(x('S', 2)), 'float32[S,2]']],
  sqrt: [[() => ops.sqrt(half('S', 2)), 'float16[S,2]']],
  sign: [[() => ops.sign(whole('S')), 'int64[S]']],
  relu: [[() => ops.relu(x('S', 2)), 'float32[S,2]']],
  sigmoid: [[() => ops.sigmoid(x('S', 2)), 'float32[S,2]']],
  tanh: [[() => ops.tanh(half('S', 2)), 'float16[S,2]']],
  gelu: [[() => ops.gelu(x('S', 2), 'tanh'), 'float32[S,2]']],
  cast: [
    [() => ops.cast(x('S', 2), 'int32'), 'int32[S,2]'],
    [() => ops.cast(x('S'), 'float32'), 'float32[S]'],
  ],
  matmul: [
    [() => ops.matmul(x('B', 1, 'S', 64), y('H', 64, 'P')), 'float32[B,H,S,P]'],
    [() => ops.matmul(x('S', 'P+S'), y('P+S', 8)), 'float32[S,8]'],
  ],
  gemm: [
    [() => ops.gemm(x('S', 64), y(32, 64), y(32)), 'float32[S,32]'],
    [() => ops.gemm(x('577*B', 64), y(32, 64)), 'float32[577*B,32]'],
  ],
  softmax: [[() => ops.softmax(x('S', 'P'), 0), 'float32[S,P]']],
  logSoftmax: [[() => ops.logSoftmax(x('S', 'P'), 0), 'float32[S,P]']],
  layerNormalization: [[() => ops.layerNormalization(x('B', 'S', 8), y(8), y(8), 1e-5), 'float32[B,S,8]']],
  rmsNormalization: [[() => ops.rmsNormalization(x('S', 8), y(8), 1e-6), 'float32[S,8]']],
  reduceMean: [
    [() => ops.reduceMean(x('H', 'S', 'P'), 0), 'float32[S,P]'],
    [() => ops.reduceMean(x('S'), -1), 'float32[]'],
  ],
  reduceSum: [
    [() => ops.reduceSum(x('H', 'S', 'P'), [0, -1]), 'float32[1,S,1]'],
    [() => ops.reduceSum(x('S'), []), 'float32[S]'],
  ],
  reshape: [
    [() => ops.reshape(x('B', 'S', 6), ['B', 'S', 2, 3]), 'float32[B,S,2,3]'],
    [() => ops.reshape(x('B', 577, 8), ['577*B', 8]), 'float32[577*B,8]'],
    [() => ops.reshape(x(1, 'S', 8), ['S', 8]), 'float32[S,8]'],
    [() => ops.reshape(x('S', 'B'), ['B*S']), 'float32[B*S]'],
    [() => ops.reshape(x('B*S'), ['B', 'S'], y('S', 'B')), 'float32[B,S]'],
  ],
  transpose: [[() => ops.transpose(x('S', 'H', 8), [1, 0, -1]), 'float32[H,S,8]']],
  concat: [[() => ops.concat([x('P', 8), x('S', 8), x(2, 8)], -2), 'float32[P+S+2,8]']],
  slice: [
    [() => ops.slice(x('S', 8), 0, -1), 'float32[1,8]'],
    [() => ops.slice(x('S', 8), 0, 1), 'float32[S-1,8]'],
    [() => ops.slice(x('S', 8), 0, 0, -2), 'float32[S-2,8]'],
    [() => ops.slice(x('S', 8), -1, 2, 6), 'float32[S,4]'],
    [() => ops.slice(x('S', 8), 1, -8, 0), 'float32[S,0]'],
    [() => ops.slice(x('S', 8), 1, 8), 'float32[S,0]'],
  ],
  sliceTo: [[() => ops.sliceTo(x(1, 2, 'P', 8), 2, whole(1), 'n'), 'float32[1,2,n,8]']],
  splitLike: [
    [() => ops.splitLike(x('P+S', 8), 0, [x('P', 8), y('S', 8)])[0] as Tensor, 'float32[P,8]'],
    [() => ops.splitLike(x('S', 8), -1, [x('S', 3), y('S', 5)])[1] as Tensor, 'float32[S,5]'],
  ],
  growTo: [[() => ops.growTo(x(2, 'S'), 1, whole(1), '4*A'), 'float32[2,4*A]']],
  padLike: [
    [() => ops.padLike(x('S', 2), 1, 3, y('S', 8)), 'float32[S,8]'],
    [() => ops.padLike(x(1, 8), -2, 'S-1', y('S', 8)), 'float32[S,8]'],
    [() => ops.padLike(x('n'), 0, 0, y('P')), 'float32[P]'],
  ],
  padTo: [
    [() => ops.padTo(x('S', 6), 1, 8), 'float32[S,8]'],
    [() => ops.padTo(x('S', 8), -1, 8), 'float32[S,8]'],
  ],
  gather: [
    [() => ops.gather(x(100, 8), whole('B', 'S')), 'float32[B,S,8]'],
    [() => ops.gather(x('S', 8), whole(), 1), 'float32[S]'],
  ],
  argMax: [
    [() => ops.argMax(x('S', 23)), 'int64[S]'],
    [() => ops.argMax(x('S', 'P'), 0), 'int64[P]'],
  ],
  oneHot: [[() => ops.oneHot(whole('B', 1), 23), 'float32[B,1,23]']],
  expand: [
    [() => ops.expand(x(1, 1, 8), ['B', 1, 8], x('B', 4, 8)), 'float32[B,1,8]'],
    [() => ops.expand(x(8), ['B', 'S', 8], x('S', 'B')), 'float32[B,S,8]'],
    [() => ops.expand(x(), [], y(8)), 'float32[]'],
  ],
  runtimeSize: [
    [() => ops.runtimeSize('S', x(2, 'S')), 'int64[1]'],
    [() => ops.runtimeSize('S-1', x(2, 'S')), 'int64[1]'],
    [() => ops.runtimeSize(7, x()), 'int64[1]'],
  ],
  multiHeadAttention: [
    [
      () => ops.multiHeadAttention(x('B', 'S', 6), y('B', 'P', 6), y('B', 'P', 6), heads(2)),
      'float32[B,S,6]',
    ],
  ],
  matMulNBits: [
    [() => ops.matMulNBits(x('S', 64), fourBits), 'float32[S,24]'],
    [() => ops.matMulNBits(x(2, 96), eightBits), 'float32[2,24]'],
  ],
  dequantize: [
    [() => ops.dequantize(fourBits), 'float32[24,64]'],
    [() => ops.dequantize(eightBits), 'float32[24,96]'],
  ],
  groupQueryAttention: [
    [() => groupQueryAttention()[0], 'float32[1,S,32]'],
    [() => groupQueryAttention()[1], 'float32[1,2,P,8]'],
    [() => groupQueryAttention()[2], 'float32[1,2,P,8]'],
  ],
}

/** What each constructor refuses, and in which words. */
const refused: Readonly<Record<Constructor, readonly [built: () => unknown, message: string][]>> = {
  input: [],
  weight: [],
  constant: [
    [() => ops.constant([1, 2, 3], 'float32', [2, 2]), 'constant: 3 values do not fill [2,2]'],
    [() => ops.constant([1, 2, 3], 'float32', ['S']), 'constant: 3 values do not fill [S]'],
  ],
  constantValues: [[() => ops.constantValues(x(2)), 'Input is no constant']],
  scalar: [],
  add: [
    [() => ops.add(x('B', 'S', 8), y('P', 8)), 'add: shapes do not broadcast, [B,S,8] x [P,8] (S is not P)'],
    [() => ops.add(x(2), half(2)), 'add: types differ, float32 x float16'],
  ],
  sub: [[() => ops.sub(x(2), y(3)), 'sub: shapes do not broadcast, [2] x [3] (2 is not 3)']],
  mul: [[() => ops.mul(x(2), whole(2)), 'mul: types differ, float32 x int64']],
  div: [[() => ops.div(x(2, 1), y(3, 1)), 'div: shapes do not broadcast, [2,1] x [3,1] (2 is not 3)']],
  neg: [],
  exp: [[() => ops.exp(whole('S')), 'exp: int64[S] is not of a float type']],
  erf: [[() => ops.erf(whole('S')), 'erf: int64[S] is not of a float type']],
  sqrt: [[() => ops.sqrt(whole(2)), 'sqrt: int64[2] is not of a float type']],
  sign: [],
  relu: [],
  sigmoid: [[() => ops.sigmoid(whole('S')), 'sigmoid: int64[S] is not of a float type']],
  tanh: [[() => ops.tanh(whole(2)), 'tanh: int64[2] is not of a float type']],
  gelu: [[() => ops.gelu(whole()), 'gelu: int64[] is not of a float type']],
  cast: [],
  matmul: [
    [
      () => ops.matmul(x(1, 24, 64), y(32, 64)),
      'matmul: inner sizes differ, [1,24,64] x [32,64] (64 is not 32)',
    ],
    [
      () => ops.matmul(x('B', 2, 3), y(4, 3, 2)),
      'matmul: shapes do not broadcast, [B,2,3] x [4,3,2] (B is not 4)',
    ],
    [() => ops.matmul(x(64), y(64, 2)), 'matmul: [64] has fewer than 2 axes'],
    [() => ops.matmul(x(2, 64), y(64)), 'matmul: [64] has fewer than 2 axes'],
    [() => ops.matmul(x(2, 64), half(64, 2)), 'matmul: types differ, float32 x float16'],
  ],
  gemm: [
    [() => ops.gemm(x('S', 64), y(64, 32)), 'gemm: inner sizes differ, [S,64] x [64,32] (64 is not 32)'],
    [() => ops.gemm(x(1, 'S', 64), y(32, 64)), 'gemm: expected two matrices, [1,S,64] x [32,64]'],
    [() => ops.gemm(x('S', 64), half(32, 64)), 'gemm: types differ, float32 x float16'],
    [() => ops.gemm(x('S', 64), y(32, 64), y(64)), 'gemm: the bias does not fit the weight, [32,64] x [64]'],
    [
      () => ops.gemm(x('S', 64), y(32, 64), y(1, 32)),
      'gemm: the bias does not fit the weight, [32,64] x [1,32]',
    ],
    [
      () => ops.gemm(x('S', 64), y(32, 64), half(32)),
      'gemm: the bias does not fit the weight: types differ, float32 x float16',
    ],
  ],
  softmax: [
    [() => ops.softmax(x('S', 8), 2), 'softmax: axis 2 is outside [S,8]'],
    [() => ops.softmax(whole('S')), 'softmax: int64[S] is not of a float type'],
  ],
  logSoftmax: [
    [() => ops.logSoftmax(x('S', 8), 2), 'logSoftmax: axis 2 is outside [S,8]'],
    [() => ops.logSoftmax(whole('S')), 'logSoftmax: int64[S] is not of a float type'],
  ],
  layerNormalization: [
    [
      () => ops.layerNormalization(x('S', 8), y(7), y(8), 1e-5),
      'layerNormalization: the scale does not fit, [S,8] x [7]',
    ],
    [
      () => ops.layerNormalization(x('S', 8), y(8, 1), y(8), 1e-5),
      'layerNormalization: the scale does not fit, [S,8] x [8,1]',
    ],
    [
      () => ops.layerNormalization(x('S', 8), y(8), y(9), 1e-5),
      'layerNormalization: the bias does not fit, [S,8] x [9]',
    ],
    [
      () => ops.layerNormalization(x('S', 8), half(8), y(8), 1e-5),
      'layerNormalization: the scale does not fit: types differ, float32 x float16',
    ],
    [
      () => ops.layerNormalization(whole(8), whole(8), whole(8), 1e-5),
      'layerNormalization: int64[8] is not of a float type',
    ],
  ],
  rmsNormalization: [
    [
      () => ops.rmsNormalization(x('S', 8), y(4), 1e-5),
      'rmsNormalization: the scale does not fit, [S,8] x [4]',
    ],
    [
      () => ops.rmsNormalization(whole(8), whole(8), 1e-5),
      'rmsNormalization: int64[8] is not of a float type',
    ],
  ],
  reduceMean: [[() => ops.reduceMean(x('S', 8), -3), 'reduceMean: axis -3 is outside [S,8]']],
  reduceSum: [[() => ops.reduceSum(x('S', 8), [0, 2]), 'reduceSum: axis 2 is outside [S,8]']],
  reshape: [
    [() => ops.reshape(x('S', 8), ['S', 9]), 'reshape: [S,8] does not fill [S,9]'],
    [() => ops.reshape(x('S', 8), ['P', 8]), 'reshape: [S,8] does not fill [P,8]'],
    [
      () => ops.reshape(x('S', 'B', 8), ['B', 'S', 8]),
      'reshape: more than one named size moves from [S,B,8] to [B,S,8]',
    ],
    [
      () => ops.reshape(x('B*P*S'), ['B', 'S', 'P'], y('B', 8)),
      'reshape: more than one named size moves from [B*P*S] to [B,S,P]',
    ],
  ],
  transpose: [
    [() => ops.transpose(x('S', 8), [0, 0]), 'transpose: [0,0] does not order the axes of [S,8]'],
    [() => ops.transpose(x('S', 8), [1]), 'transpose: [1] does not order the axes of [S,8]'],
    [() => ops.transpose(x('S', 8), [0, 2]), 'transpose: axis 2 is outside [S,8]'],
  ],
  concat: [
    [() => ops.concat([], 0), 'concat: nothing to join'],
    [() => ops.concat([x('S', 8), y('S', 7)], 0), 'concat: parts differ beside axis 0, [S,8] x [S,7]'],
    [() => ops.concat([x('S', 8), y('S', 8, 1)], 1), 'concat: parts differ beside axis 1, [S,8] x [S,8,1]'],
    [() => ops.concat([x('S', 8), y('S')], 0), 'concat: parts differ beside axis 0, [S,8] x [S]'],
    [() => ops.concat([x(8), half(8)], 0), 'concat: types differ, float32 x float16'],
    [() => ops.concat([x(8)], 1), 'concat: axis 1 is outside [8]'],
  ],
  slice: [
    [() => ops.slice(x('S', 8), 1, 0, 9), 'slice: 0 to 9 is outside axis 1 of [S,8]'],
    [() => ops.slice(x('S', 8), 1, 5, 3), 'slice: 5 to 3 is outside axis 1 of [S,8]'],
    [() => ops.slice(x('S', 8), -1, -9), 'slice: -9 to the end is outside axis -1 of [S,8]'],
    [() => ops.slice(x('S', 8), 0, 5, 3), 'slice: 5 to 3 is outside axis 0 of [S,8]'],
    [() => ops.slice(x('S', 8), 2, 0), 'slice: axis 2 is outside [S,8]'],
    [() => ops.slice(x('S', 8), 0, 0.5), 'slice: 0.5 to the end is outside axis 0 of [S,8]'],
  ],
  sliceTo: [
    [() => ops.sliceTo(x('P', 8), 2, whole(1), 'n'), 'sliceTo: axis 2 is outside [P,8]'],
    [() => ops.sliceTo(x('P', 8), 0, whole(), 'n'), 'sliceTo: the length is int64[], expected int64[1]'],
    [() => ops.sliceTo(x('P', 8), 0, x(1), 'n'), 'sliceTo: the length is float32[1], expected int64[1]'],
  ],
  splitLike: [
    [() => ops.splitLike(x('S', 8), 1, [y('S', 7)]), 'splitLike: parts of 7 do not fill axis 1 of [S,8]'],
    [() => ops.splitLike(x('P+S'), 0, [y('P')]), 'splitLike: parts of P do not fill axis 0 of [P+S]'],
    [() => ops.splitLike(x('S', 8), 2, []), 'splitLike: axis 2 is outside [S,8]'],
  ],
  growTo: [
    [() => ops.growTo(x('S', 8), 2, whole(1), 'n'), 'growTo: axis 2 is outside [S,8]'],
    [() => ops.growTo(x('S', 8), 0, whole(2), 'n'), 'growTo: the length is int64[2], expected int64[1]'],
    [() => ops.growTo(half('S'), 0, whole(1), 'n'), 'growTo: types differ, float16 x float32'],
  ],
  padLike: [
    [() => ops.padLike(x(3), 0, 6, y(8)), 'padLike: 3 from 6 on is outside axis 0 of [8]'],
    [() => ops.padLike(x(3), 0, -1, y(8)), 'padLike: 3 from -1 on is outside axis 0 of [8]'],
    [() => ops.padLike(x('n'), 0, 'm', y('P')), 'no axis of [P] has the size m'],
    [() => ops.padLike(half(2), 0, 0, half(6)), 'padLike: types differ, float16 x float32'],
    [() => ops.padLike(x(2), 1, 0, x(6)), 'padLike: axis 1 is outside [2]'],
  ],
  padTo: [
    [() => ops.padTo(x('S', 8), 1, 6), 'padTo: axis 1 of [S,8] cannot grow to 6'],
    [() => ops.padTo(x('S', 8), 0, 6), 'padTo: axis 0 of [S,8] cannot grow to 6'],
    [() => ops.padTo(whole(2), 0, 6), 'padTo: types differ, int64 x float32'],
    [() => ops.padTo(x(2), 1, 6), 'padTo: axis 1 is outside [2]'],
  ],
  gather: [
    [() => ops.gather(x(9, 8), x('S')), 'gather: indices are float32, expected int64 or int32'],
    [() => ops.gather(x(9, 8), whole('S'), 2), 'gather: axis 2 is outside [9,8]'],
  ],
  argMax: [[() => ops.argMax(x('S', 8), 2), 'argMax: axis 2 is outside [S,8]']],
  oneHot: [[() => ops.oneHot(x('S'), 8), 'oneHot: indices are float32, expected int64 or int32']],
  expand: [
    [() => ops.expand(x(2), [3], y(3)), 'expand: [2] does not broadcast to [3]'],
    [() => ops.expand(x(3), [1], y(3)), 'expand: [3] does not broadcast to [1]'],
    [() => ops.expand(x(1, 3), [3], y(3)), 'expand: [1,3] does not broadcast to [3]'],
    [() => ops.expand(x(1), ['B'], y('S', 3)), 'no axis of [S,3] has the size B'],
  ],
  runtimeSize: [[() => ops.runtimeSize('S', x('P', 'P+S')), 'no axis of [P,P+S] has the size S']],
  multiHeadAttention: [
    [
      () => ops.multiHeadAttention(x('B', 'S', 6), y('B', 'P', 6), y('B', 'P', 6), heads(4)),
      'multiHeadAttention: q is [B,S,6], not of 4 equal heads',
    ],
    [
      () => ops.multiHeadAttention(x('B', 'S', 6), y('B', 'P', 4), y('B', 'P', 4), heads(2)),
      'multiHeadAttention: k is [B,P,4], expected [B,P,6]',
    ],
    [
      () => ops.multiHeadAttention(x('B', 'S', 6), y('B', 'P', 6), y('B', 'S', 6), heads(2)),
      'multiHeadAttention: v is [B,S,6], expected [B,P,6]',
    ],
  ],
  matMulNBits: [
    [
      () => ops.matMulNBits(x('S', 60), fourBits),
      "matMulNBits: the rows of [S,60] do not have the matrix's 64 columns",
    ],
    [
      () => ops.matMulNBits(x(64), fourBits),
      "matMulNBits: the rows of [64] do not have the matrix's 64 columns",
    ],
    [
      () => ops.matMulNBits(x('S', 64), blocks(4, [24, 2], [24, 2, 32], [24, 1])),
      'matMulNBits: values is [24,2,32], expected [24,2,16]',
    ],
    [
      () => ops.matMulNBits(x('S', 64), blocks(4, [24, 2], [24, 2, 16], [24, 2])),
      'matMulNBits: zeros is [24,2], expected [24,1]',
    ],
    [() => ops.matMulNBits(whole('S', 64), fourBits), 'matMulNBits: int64[S,64] is not of a float type'],
  ],
  dequantize: [
    [
      () => ops.dequantize({ ...fourBits, values: x(24, 2, 16) }),
      'reread: Input is neither a weight nor a constant',
    ],
  ],
  groupQueryAttention: [
    [() => groupQueryAttention({ q: [1, 'S', 33] }), 'groupQueryAttention: q is [1,S,33], expected [1,S,32]'],
    [() => groupQueryAttention({ k: [1, 'P', 16] }), 'groupQueryAttention: k is [1,P,16], expected [1,S,16]'],
    [() => groupQueryAttention({ v: ['S', 2, 8] }), 'groupQueryAttention: v is [S,2,8], expected [1,S,16]'],
    [
      () =>
        groupQueryAttention({
          past: [
            [1, 4, 'P', 8],
            [1, 2, 'P', 8],
          ],
        }),
      'groupQueryAttention: pastKey is [1,4,P,8], expected [1,2,P,8]',
    ],
    [
      () =>
        groupQueryAttention({
          past: [
            [1, 2, 'P', 8],
            [1, 2, 'n', 8],
          ],
        }),
      'groupQueryAttention: pastValue is [1,2,n,8], expected [1,2,P,8]',
    ],
    [() => groupQueryAttention({ last: [] }), 'groupQueryAttention: lastPosition is [], expected [1]'],
    [() => groupQueryAttention({ total: [1] }), 'groupQueryAttention: totalLength is [1], expected []'],
    [
      () => groupQueryAttention({ heads: 3 }),
      'groupQueryAttention: 3 query heads do not share 2 key heads evenly',
    ],
    [
      () =>
        groupQueryAttention({
          past: [
            [1, 2, 'P', 12],
            [1, 2, 'P', 12],
          ],
        }),
      'groupQueryAttention: a head has 12 channels, expected a multiple of 8',
    ],
  ],
}

const typeOf = ({ dtype, shape }: Tensor): string => `${dtype}${formatShape(shape)}`

describe.each(Object.entries(inferred))('%s', (name, cases) => {
  it.each(cases.map(([built, type]) => ({ built, type })))('gives $type', ({ built, type }) => {
    expect(typeOf(built())).toBe(type)
  })

  const refusals = refused[name as Constructor].map(([built, message]) => ({ built, message }))
  it.each(refusals)('refuses: $message', ({ built, message }) => {
    expect(messageOf(built)).toBe(message)
    const scope = 'language_model.layers.3.self_attn.q_proj'
    expect(messageOf(() => scoped(scope, built))).toBe(`${message}, at ${scope}`)
  })
})

function messageOf(build: () => unknown): string {
  try {
    build()
  } catch (error) {
    expect((error as Error).name).toBe('GraphError')
    return (error as Error).message
  }
  return 'nothing was refused'
}

describe('an expression', () => {
  it('is left as it is where nothing would change', () => {
    const tensor = x('S', 8)
    expect(ops.cast(tensor, 'float32')).toBe(tensor)
    expect(ops.reshape(tensor, ['S', 8])).toBe(tensor)
    expect(ops.padTo(tensor, 1, 8)).toBe(tensor)
  })

  it('has the scope in which it was built, also after an error in an inner one', () => {
    const [inner, outer] = scoped('model', () => {
      expect(() => scoped('model.layers.0', () => ops.softmax(x(2), 5))).toThrow('at model.layers.0')
      return [scoped('model.layers.1', () => ops.neg(x(2))), ops.neg(x(2))]
    }) as [Tensor, Tensor]
    expect([inner.node.scope, outer.node.scope, ops.neg(x(2)).node.scope]).toEqual([
      'model.layers.1',
      'model',
      '',
    ])
  })

  it('names the axis that a tensor does not have', () => {
    expect(dimension(x('S', 8), -2)).toBe('S')
    expect(() => dimension(x('S', 8), 1.5)).toThrow('axis 1.5 is outside [S,8]')
    expect(() => dimension(x(), 0)).toThrow('axis 0 is outside []')
  })

  it('has no result that its node does not have', () => {
    expect(() => resultOf(ops.neg(x(2)).node, 1)).toThrow('Neg has no result 1')
  })

  it.each<[DType, number[], number[]]>([
    ['int64', [-1, 2 ** 40], [255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 1, 0, 0]],
    ['int32', [-2, 258], [254, 255, 255, 255, 2, 1, 0, 0]],
    ['float32', [1, -0.5], [0, 0, 128, 63, 0, 0, 0, 191]],
  ])('writes %s constants as little-endian bytes', (dtype, values, bytes) => {
    const { node } = ops.constant(values, dtype as 'int32', [2])
    expect([...(node.value as Uint8Array)]).toEqual(bytes)
  })

  it.each<DType>(['int64', 'int32', 'float32'])('reads %s constants as they were written', dtype => {
    expect(ops.constantValues(ops.constant([3, -70_000], dtype as 'int32', [2]))).toEqual([3, -70_000])
  })
})

describe('the nodes of a graph', () => {
  it('come once each, every node after its inputs', () => {
    const a = x('S', 8)
    const b = ops.neg(a)
    const c = ops.mul(ops.add(b, a), b)
    const nodes = nodesOf({ outputs: { c, b } })
    expect(nodes.map(node => node.kind)).toEqual(['Input', 'Neg', 'Add', 'Mul'])
    expect(inputsOf({ outputs: { c, b } }).map(typeOf)).toEqual(['float32[S,8]'])
  })

  it('leave out what no output needs', () => {
    const a = x('S')
    ops.neg(a)
    expect(nodesOf({ outputs: { a } })).toEqual([a.node])
  })

  it('are found in time that grows with the graph, however often a node is used', () => {
    let doubled = x(1)
    for (let i = 0; i < 20_000; i++) doubled = ops.add(doubled, doubled)
    expect(nodesOf({ outputs: { doubled } })).toHaveLength(20_001)
  })
})
