import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Shape } from '../../src/graph/dimension.ts'
import { evaluateDimension } from '../../src/graph/dimension.ts'
import { nodesOf } from '../../src/graph/graph.ts'
import * as ops from '../../src/graph/ops.ts'
import { type DType, type NodeKind, nodeKinds, type Tensor } from '../../src/graph/tensor.ts'
import type { Values } from '../../src/onnx/session.ts'
import { randomBlocks } from '../graph/random-blocks.ts'
import { array, at, type NdArray, randomArray, sum } from './array.ts'
import { openGraph, runGraph, toArray, toValue } from './run-graph.ts'

// Every kind of node, built, compiled and run, against loops written here. Each case runs at two sizes of B, S and P.

type Sizes = Readonly<Record<string, number>>
const twoSizes: readonly Sizes[] = [
  { B: 2, S: 3, P: 5 },
  { B: 1, S: 8, P: 1 },
]

interface Case {
  readonly title: string
  /** Shapes of the inputs, with the type where it is not float32: "int64". */
  readonly inputs: Readonly<Record<string, Shape | readonly [DType, Shape]>>
  /** What to feed for an input whose numbers are not random between -1 and 1. */
  readonly feed?: (name: string, sizes: Sizes) => NdArray | undefined
  readonly build: (x: Readonly<Record<string, Tensor>>) => Tensor
  readonly expected: (x: Readonly<Record<string, NdArray>>, sizes: Sizes) => NdArray
}

const unary = (
  title: string,
  build: (x: Tensor) => Tensor,
  expected: (value: number) => number,
  scale = 4,
): Case => ({
  title,
  inputs: { x: ['B', 'S', 3] },
  build: ({ x }) => build(ops.mul(x as Tensor, ops.scalar(scale))),
  expected: ({ x }) => ({ shape: x!.shape, data: x!.data.map(value => expected(value * scale)) }),
})

const binary = (
  build: (a: Tensor, b: Tensor) => Tensor,
  expected: (a: number, b: number) => number,
): Case[] => [
  {
    title: 'two tensors that broadcast against each other',
    inputs: { a: ['B', 1, 4], b: ['S', 1] },
    build: ({ a, b }) => build(a!, b!),
    expected: ({ a, b }, { B, S }) =>
      array([B!, S!, 4], (i, j, k) => expected(at(a!, i, j, k), at(b!, i, j, k))),
  },
  {
    title: 'whole numbers',
    inputs: { a: ['int64', ['S']], b: ['int64', ['S']] },
    feed: (name, { S }) => array([S!], i => (name === 'a' ? 7 * i - 20 : i + 1)),
    build: ({ a, b }) => build(a!, b!),
    expected: ({ a, b }, { S }) => array([S!], i => Math.trunc(expected(at(a!, i), at(b!, i)))),
  },
]

const folder = mkdtempSync(join(tmpdir(), 'vicrop-values-'))
afterAll(() => rmSync(folder, { recursive: true }))
const stored = [0.5, -2, 3.25, 1e-20, 7, -0.125]
writeFileSync(join(folder, 'weights.bin'), new Uint8Array([1, 2, 3, 4, ...bytesOf(stored)]))
const source = { name: 'stored', file: 'weights.bin', offset: 4, length: 24 }

function bytesOf(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer)
}

/** The error function by its series, which converges for every argument used here. */
const erf = (x: number): number =>
  (2 / Math.sqrt(Math.PI)) * sum(80, n => ((-1) ** n * x ** (2 * n + 1)) / (product(n) * (2 * n + 1)))
const product = (n: number): number => (n <= 1 ? 1 : n * product(n - 1))

/** Of the numbers that `index` picks, `count` of them: mean and variance. */
function moments(count: number, pick: (i: number) => number): [mean: number, variance: number] {
  const mean = sum(count, pick) / count
  return [mean, sum(count, i => (pick(i) - mean) ** 2) / count]
}

const cases: Readonly<Record<NodeKind, readonly [Case, ...Case[]]>> = {
  Input: [
    {
      title: 'an input that is an output',
      inputs: { x: ['S', 2] },
      build: ({ x }) => x!,
      expected: ({ x }) => x!,
    },
  ],
  Weight: [
    {
      title: 'a tensor that lies at an offset of a file, regrouped',
      inputs: { x: ['S', 3] },
      build: ({ x }) => ops.add(x!, ops.slice(ops.weight(source, 'float32', [2, 3]), 0, 1)),
      expected: ({ x }, { S }) => array([S!, 3], (i, j) => at(x!, i, j) + (stored[3 + j] as number)),
    },
  ],
  Constant: [
    {
      title: 'numbers of the graph itself',
      inputs: { x: ['S', 2] },
      build: ({ x }) => ops.add(x!, ops.constant([0.5, -3], 'float32', [2])),
      expected: ({ x }, { S }) => array([S!, 2], (i, j) => at(x!, i, j) + (j === 0 ? 0.5 : -3)),
    },
    {
      title: 'whole numbers on both sides of zero',
      inputs: { x: ['int64', ['S', 2]] },
      feed: (_, { S }) => array([S!, 2], i => i),
      build: ({ x }) => ops.add(x!, ops.constant([-1, 2 ** 40], 'int64', [2])),
      expected: ({ x }, { S }) => array([S!, 2], (i, j) => at(x!, i, j) + (j === 0 ? -1 : 2 ** 40)),
    },
    {
      title: 'bytes',
      inputs: { x: ['S'] },
      build: ({ x }) => ops.add(x!, ops.cast(ops.constant([200], 'uint8', [1]), 'float32')),
      expected: ({ x }, { S }) => array([S!], i => at(x!, i) + 200),
    },
    {
      title: 'int32',
      inputs: { x: ['int32', ['S']] },
      feed: (_, { S }) => array([S!], i => i),
      build: ({ x }) => ops.add(x!, ops.constant([-70_000], 'int32', [1])),
      expected: (_, { S }) => array([S!], i => i - 70_000),
    },
  ],
  Add: binary(ops.add, (a, b) => a + b) as [Case, Case],
  Sub: binary(ops.sub, (a, b) => a - b) as [Case, Case],
  Mul: binary(ops.mul, (a, b) => a * b) as [Case, Case],
  Div: binary(ops.div, (a, b) => a / b) as [Case, Case],
  Neg: [unary('the other sign', ops.neg, x => -x)],
  Exp: [unary('e^x', ops.exp, Math.exp)],
  Erf: [unary('the error function', ops.erf, erf, 3)],
  Sqrt: [
    unary(
      'the square root',
      x => ops.sqrt(ops.mul(x, x)),
      x => Math.sqrt(x * x),
    ),
  ],
  Sign: [unary('the side of zero', ops.sign, Math.sign)],
  Relu: [unary('nothing below zero', ops.relu, x => (x > 0 ? x : 0))],
  Sigmoid: [unary('1 / (1 + e^-x)', ops.sigmoid, x => 1 / (1 + Math.exp(-x)))],
  Tanh: [unary('the hyperbolic tangent', ops.tanh, x => (Math.exp(2 * x) - 1) / (Math.exp(2 * x) + 1))],
  Gelu: [
    unary(
      'x times the normal distribution',
      x => ops.gelu(x),
      x => (x / 2) * (1 + erf(x / Math.SQRT2)),
      3,
    ),
    unary(
      'its approximation',
      x => ops.gelu(x, 'tanh'),
      x => x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
    ),
  ],
  Cast: [
    {
      title: 'to whole numbers, toward zero',
      inputs: { x: ['S', 2] },
      build: ({ x }) => ops.cast(ops.mul(x!, ops.scalar(9)), 'int32'),
      expected: ({ x }) => ({ shape: x!.shape, data: x!.data.map(value => Math.trunc(value * 9) + 0) }),
    },
    {
      title: 'through float16 and back, which keeps eleven bits',
      inputs: { x: ['S'] },
      feed: (_, { S }) => array([S!], i => 2048 + i * 0.75),
      build: ({ x }) => ops.cast(ops.cast(x!, 'float16'), 'float32'),
      expected: (_, { S }) => array([S!], i => [2048, 2048, 2050, 2050, 2052, 2052, 2052, 2054][i] as number),
    },
  ],
  MatMul: [
    {
      title: 'leading axes broadcast',
      inputs: { a: ['B', 1, 'S', 3], b: [2, 3, 'P'] },
      build: ({ a, b }) => ops.matmul(a!, b!),
      expected: ({ a, b }, { B, S, P }) =>
        array([B!, 2, S!, P!], (i, j, m, n) => sum(3, k => at(a!, i, j, m, k) * at(b!, i, j, k, n))),
    },
    {
      title: 'a named size inside',
      inputs: { a: ['S', 'P'], b: ['P', 4] },
      build: ({ a, b }) => ops.matmul(a!, b!),
      expected: ({ a, b }, { S, P }) => array([S!, 4], (m, n) => sum(P!, k => at(a!, m, k) * at(b!, k, n))),
    },
  ],
  Gemm: [
    {
      title: 'the weight as it is stored, with a bias',
      inputs: { x: ['S', 3], w: [4, 3], bias: [4] },
      build: ({ x, w, bias }) => ops.gemm(x!, w!, bias!),
      expected: ({ x, w, bias }, { S }) =>
        array([S!, 4], (i, j) => sum(3, k => at(x!, i, k) * at(w!, j, k)) + at(bias!, j)),
    },
    {
      title: 'without a bias',
      inputs: { x: ['P', 3], w: [4, 3] },
      build: ({ x, w }) => ops.gemm(x!, w!),
      expected: ({ x, w }, { P }) => array([P!, 4], (i, j) => sum(3, k => at(x!, i, k) * at(w!, j, k))),
    },
  ],
  Softmax: [
    {
      title: 'over the last axis, also where a plain exponential overflows',
      inputs: { x: ['B', 'S', 'P'] },
      build: ({ x }) => ops.softmax(ops.mul(x!, ops.scalar(200))),
      expected: ({ x }, { B, S, P }) =>
        array(
          [B!, S!, P!],
          (i, j, k) => 1 / sum(P!, l => Math.exp(200 * (at(x!, i, j, l) - at(x!, i, j, k)))),
        ),
    },
    {
      title: 'over an inner axis',
      inputs: { x: ['B', 'S', 2] },
      build: ({ x }) => ops.softmax(x!, 1),
      expected: ({ x }, { B, S }) =>
        array([B!, S!, 2], (i, j, k) => 1 / sum(S!, l => Math.exp(at(x!, i, l, k) - at(x!, i, j, k)))),
    },
  ],
  LogSoftmax: [
    {
      title: 'over the last axis, also where the softmax vanishes',
      inputs: { x: ['B', 'S', 'P'] },
      build: ({ x }) => ops.logSoftmax(ops.mul(x!, ops.scalar(200))),
      expected: ({ x }, { B, S, P }) =>
        array(
          [B!, S!, P!],
          (i, j, k) => -Math.log(sum(P!, l => Math.exp(200 * (at(x!, i, j, l) - at(x!, i, j, k))))),
        ),
    },
    {
      title: 'over an inner axis',
      inputs: { x: ['B', 'S', 2] },
      build: ({ x }) => ops.logSoftmax(x!, -2),
      expected: ({ x }, { B, S }) =>
        array([B!, S!, 2], (i, j, k) => -Math.log(sum(S!, l => Math.exp(at(x!, i, l, k) - at(x!, i, j, k))))),
    },
  ],
  LayerNormalization: [
    {
      title: 'over the last axis',
      inputs: { x: ['B', 'S', 6], scale: [6], bias: [6] },
      build: ({ x, scale, bias }) => ops.layerNormalization(x!, scale!, bias!, 0.01),
      expected: ({ x, scale, bias }, { B, S }) =>
        array([B!, S!, 6], (i, j, k) => {
          const [mean, variance] = moments(6, l => at(x!, i, j, l))
          return ((at(x!, i, j, k) - mean) / Math.sqrt(variance + 0.01)) * at(scale!, k) + at(bias!, k)
        }),
    },
  ],
  RMSNormalization: [
    {
      title: 'over the last axis',
      inputs: { x: ['S', 6], scale: [6] },
      build: ({ x, scale }) => ops.rmsNormalization(x!, scale!, 0.01),
      expected: ({ x, scale }, { S }) =>
        array([S!, 6], (i, k) => {
          const meanSquare = sum(6, l => at(x!, i, l) ** 2) / 6
          return (at(x!, i, k) / Math.sqrt(meanSquare + 0.01)) * at(scale!, k)
        }),
    },
  ],
  ReduceMean: [
    {
      title: 'over the first axis',
      inputs: { x: ['S', 'P', 2] },
      build: ({ x }) => ops.reduceMean(x!, 0),
      expected: ({ x }, { S, P }) => array([P!, 2], (j, k) => sum(S!, i => at(x!, i, j, k)) / S!),
    },
    {
      title: 'over the last axis',
      inputs: { x: ['B', 'S'] },
      build: ({ x }) => ops.reduceMean(x!, -1),
      expected: ({ x }, { B, S }) => array([B!], i => sum(S!, j => at(x!, i, j)) / S!),
    },
  ],
  ReduceSum: [
    {
      title: 'over several axes, which are kept',
      inputs: { x: ['B', 'S', 'P'] },
      build: ({ x }) => ops.reduceSum(x!, [0, -1]),
      expected: ({ x }, { B, S, P }) =>
        array([1, S!, 1], (_, j) => sum(B!, i => sum(P!, k => at(x!, i, j, k)))),
    },
  ],
  Reshape: [
    {
      title: 'axes joined',
      inputs: { x: ['B', 'S', 6] },
      build: ({ x }) => ops.reshape(x!, ['B*S', 6]),
      expected: ({ x }, { B, S }) => ({ shape: [B! * S!, 6], data: x!.data }),
    },
    {
      title: 'an axis split, named sizes in their place',
      inputs: { x: ['B', 'S', 6] },
      build: ({ x }) => ops.reshape(x!, ['B', 'S', 3, 2]),
      expected: ({ x }, { B, S }) => ({ shape: [B!, S!, 3, 2], data: x!.data }),
    },
    {
      title: 'a named size that moves',
      inputs: { x: [1, 'S', 4] },
      build: ({ x }) => ops.reshape(x!, ['S', 2, 2]),
      expected: ({ x }, { S }) => ({ shape: [S!, 2, 2], data: x!.data }),
    },
    {
      title: 'two named sizes that move, as large as those of another tensor',
      inputs: { x: ['B*S', 2], like: ['S', 'B'] },
      feed: (name, { B, S }) => (name === 'x' ? array([B! * S!, 2], (i, j) => 2 * i + j) : undefined),
      build: ({ x, like }) => ops.reshape(x!, ['B', 'S', 2], like!),
      expected: ({ x }, { B, S }) => ({ shape: [B!, S!, 2], data: x!.data }),
    },
    {
      title: 'and one more, which takes what is left',
      inputs: { x: ['B*S', 2], like: [3, 'S'] },
      feed: (name, { B, S }) => (name === 'x' ? array([B! * S!, 2], (i, j) => 2 * i + j) : undefined),
      build: ({ x, like }) => ops.reshape(x!, ['B', 'S', 2], like!),
      expected: ({ x }, { B, S }) => ({ shape: [B!, S!, 2], data: x!.data }),
    },
  ],
  Transpose: [
    {
      title: 'the axes in another order',
      inputs: { x: ['B', 'S', 4] },
      build: ({ x }) => ops.transpose(x!, [2, 0, 1]),
      expected: ({ x }, { B, S }) => array([4, B!, S!], (i, j, k) => at(x!, j, k, i)),
    },
  ],
  Concat: [
    {
      title: 'sizes with different names, side by side',
      inputs: { a: ['B', 'S'], b: ['B', 'P'], c: ['B', 2] },
      build: ({ a, b, c }) => ops.concat([a!, b!, c!], 1),
      expected: ({ a, b, c }, { B, S, P }) =>
        array([B!, S! + P! + 2], (i, j) =>
          j < S! ? at(a!, i, j) : j < S! + P! ? at(b!, i, j - S!) : at(c!, i, j - S! - P!),
        ),
    },
  ],
  Slice: [
    {
      title: 'the last element of a named size',
      inputs: { x: ['S', 3] },
      build: ({ x }) => ops.slice(x!, 0, -1),
      expected: ({ x }, { S }) => array([1, 3], (_, j) => at(x!, S! - 1, j)),
    },
    {
      title: 'all but the first and the last',
      inputs: { x: ['B', 'S'] },
      build: ({ x }) => ops.slice(x!, 1, 1, -1),
      expected: ({ x }, { B, S }) => array([B!, S! - 2], (i, j) => at(x!, i, j + 1)),
    },
    {
      title: 'a part between two constants',
      inputs: { x: ['S', 9] },
      build: ({ x }) => ops.slice(x!, -1, 2, 7),
      expected: ({ x }, { S }) => array([S!, 5], (i, j) => at(x!, i, j + 2)),
    },
    {
      title: 'a length known at run time, nothing and all included',
      inputs: { x: [2, 8, 3], length: ['int64', [1]] },
      feed: (name, { S }) => (name === 'length' ? array([1], () => S!) : undefined),
      build: ({ x, length }) => ops.sliceTo(x!, 1, length!, 'S'),
      expected: ({ x }, { S }) => array([2, S!, 3], (i, j, k) => at(x!, i, j, k)),
    },
  ],
  Split: [
    {
      title: 'the second part, each as long as the tensor it undoes',
      inputs: { a: ['B', 'S'], b: ['B', 'P'] },
      build: ({ a, b }) => ops.splitLike(ops.concat([a!, b!], 1), 1, [a!, b!])[1]!,
      expected: ({ b }) => b!,
    },
  ],
  Pad: [
    {
      title: 'zeros around a part whose place is known when the graph runs',
      inputs: { x: ['B', 'S'] },
      build: ({ x }) => ops.padLike(ops.slice(x!, 1, -2, -1), 1, 'S-2', x!),
      expected: ({ x }, { B, S }) => array([B!, S!], (i, j) => (j === S! - 2 ? at(x!, i, j) : 0)),
    },
    {
      title: 'zeros after a length known at run time',
      inputs: { x: [2, 8, 3], length: ['int64', [1]] },
      feed: (name, { S }) => (name === 'length' ? array([1], () => S!) : undefined),
      build: ({ x, length }) => ops.padLike(ops.sliceTo(x!, 1, length!, 'S'), 1, 0, x!),
      expected: ({ x }, { S }) => array([2, 8, 3], (i, j, k) => (j < S! ? at(x!, i, j, k) : 0)),
    },
    {
      title: 'zeros up to a length known at run time',
      inputs: { x: ['B', 'S'], length: ['int64', [1]] },
      feed: (name, { S }) => (name === 'length' ? array([1], () => S! + 3) : undefined),
      build: ({ x, length }) => ops.growTo(x!, 1, length!, 'S+3'),
      expected: ({ x }, { B, S }) => array([B!, S! + 3], (i, j) => (j < S! ? at(x!, i, j) : 0)),
    },
    {
      title: 'zeros at the end of one axis',
      inputs: { x: ['S', 5, 2] },
      build: ({ x }) => ops.padTo(x!, 1, 8),
      expected: ({ x }, { S }) => array([S!, 8, 2], (i, j, k) => (j < 5 ? at(x!, i, j, k) : 0)),
    },
  ],
  Gather: [
    {
      title: 'rows by a table of indices',
      inputs: { x: [9, 3], rows: ['int64', ['B', 'S']] },
      feed: (name, { B, S }) =>
        name === 'rows' ? array([B!, S!], (i, j) => (5 * i + 7 * j) % 9) : undefined,
      build: ({ x, rows }) => ops.gather(x!, rows!),
      expected: ({ x, rows }, { B, S }) => array([B!, S!, 3], (i, j, k) => at(x!, at(rows!, i, j), k)),
    },
    {
      title: 'one column',
      inputs: { x: ['S', 3, 2], column: ['int32', []] },
      feed: name => (name === 'column' ? array([], () => 2) : undefined),
      build: ({ x, column }) => ops.gather(x!, column!, 1),
      expected: ({ x }, { S }) => array([S!, 2], (i, j) => at(x!, i, 2, j)),
    },
  ],
  ArgMax: [
    {
      title: 'the first largest of each row',
      inputs: { x: ['S', 7] },
      feed: (_, { S }) => array([S!, 7], (i, j) => (5 * i + 3 * j) % 4),
      build: ({ x }) => ops.argMax(x!),
      expected: ({ x }, { S }) =>
        array([S!], i => {
          const row = Array.from({ length: 7 }, (_, j) => at(x!, i, j))
          return row.indexOf(Math.max(...row))
        }),
    },
  ],
  OneHot: [
    {
      title: '1 at each index',
      inputs: { index: ['int64', ['B', 'S']] },
      feed: (_, { B, S }) => array([B!, S!], (i, j) => (5 * i + 7 * j) % 9),
      build: ({ index }) => ops.oneHot(index!, 9),
      expected: ({ index }, { B, S }) => array([B!, S!, 9], (i, j, k) => (at(index!, i, j) === k ? 1 : 0)),
    },
  ],
  Expand: [
    {
      title: 'to constant sizes',
      inputs: { x: ['S', 1, 2] },
      build: ({ x }) => ops.expand(x!, ['S', 3, 2], x!),
      expected: ({ x }, { S }) => array([S!, 3, 2], (i, j, k) => at(x!, i, j, k)),
    },
  ],
  Shape: [
    {
      title: 'sizes that another tensor has at run time, wherever they stand in it',
      inputs: { x: [1, 1, 3], like: ['S', 4, 'B'] },
      build: ({ x, like }) => ops.expand(x!, ['B', 'S', 3], like!),
      expected: ({ x }, { B, S }) => array([B!, S!, 3], (i, j, k) => at(x!, i, j, k)),
    },
    {
      title: 'a size of another tensor but for a number',
      inputs: { x: [1, 3], like: ['B', 'S'] },
      build: ({ x, like }) => ops.expand(x!, ['S-1', 3], like!),
      expected: ({ x }, { S }) => array([S! - 1, 3], (i, j) => at(x!, i, j)),
    },
  ],
  DequantizeLinear: [dequantizeCase(4), dequantizeCase(8)],
  MatMulNBits: [matMulNBitsCase(4), matMulNBitsCase(8)],
  GroupQueryAttention: [
    { ...groupQueryAttentionCase(4, 4, 8), title: 'every query head with its own keys' },
    { ...groupQueryAttentionCase(4, 2, 8), title: 'two query heads on each key head' },
    { ...groupQueryAttentionCase(6, 1, 16), title: 'one key head for all' },
  ],
  MultiHeadAttention: [
    {
      title: 'every position to every other, heads apart',
      inputs: { q: ['B', 'S', 6], k: ['B', 'P', 6], v: ['B', 'P', 6] },
      build: ({ q, k, v }) => ops.multiHeadAttention(q!, k!, v!, { heads: 2, scale: 0.7 }),
      expected: ({ q, k, v }, { B, S, P }) =>
        array([B!, S!, 6], (b, s, channel) => {
          const head = Math.floor(channel / 3) * 3
          const weights = Array.from({ length: P! }, (_, t) =>
            Math.exp(0.7 * sum(3, d => at(q!, b, s, head + d) * at(k!, b, t, head + d))),
          )
          const all = sum(P!, t => weights[t] as number)
          return sum(P!, t => ((weights[t] as number) / all) * at(v!, b, t, channel))
        }),
    },
  ],
}

function dequantizeCase(bits: 4 | 8): Case {
  const { matrix, plain } = randomBlocks(bits, 5, 4)
  return {
    title: `${bits} bits written out`,
    inputs: { x: ['S', 128] },
    build: ({ x }) => ops.matmul(x!, ops.transpose(ops.dequantize(matrix), [1, 0])),
    expected: ({ x }, { S }) => array([S!, 5], (i, j) => sum(128, k => at(x!, i, k) * at(plain, j, k))),
  }
}

function matMulNBitsCase(bits: 4 | 8): Case {
  const { matrix, plain } = randomBlocks(bits, 5, 4)
  return {
    title: `a matrix of ${bits} bits`,
    inputs: { x: ['S', 128] },
    build: ({ x }) => ops.matMulNBits(x!, matrix),
    expected: ({ x }, { S }) => array([S!, 5], (i, j) => sum(128, k => at(x!, i, k) * at(plain, j, k))),
  }
}

/** S new positions after P cached ones, in a cache of 20 places. */
function groupQueryAttentionCase(heads: number, kvHeads: number, size: number): Case {
  const places = 20
  const scale = 0.7
  return {
    title: '',
    inputs: {
      q: [1, 'S', heads * size],
      k: [1, 'S', kvHeads * size],
      v: [1, 'S', kvHeads * size],
      pastKey: [1, kvHeads, places, size],
      pastValue: [1, kvHeads, places, size],
      last: ['int32', [1]],
      total: ['int32', []],
    },
    feed: (name, { S, P }) =>
      name === 'last'
        ? array([1], () => P! + S! - 1)
        : name === 'total'
          ? array([], () => P! + S!)
          : undefined,
    build: ({ q, k, v, pastKey, pastValue, last, total }) =>
      ops.groupQueryAttention(q!, k!, v!, pastKey!, pastValue!, last!, total!, { heads, kvHeads, scale })[0],
    expected: ({ q, k, v, pastKey, pastValue }, { S, P }) =>
      array([1, S!, heads * size], (_, s, channel) => {
        const head = Math.floor(channel / size)
        const group = Math.floor(head / (heads / kvHeads))
        const read = (past: NdArray, now: NdArray, t: number, d: number): number =>
          t < P! ? at(past, 0, group, t, d) : at(now, 0, t - P!, group * size + d)
        const weights = Array.from({ length: P! + s + 1 }, (_, t) =>
          Math.exp(scale * sum(size, d => at(q!, 0, s, head * size + d) * read(pastKey!, k!, t, d))),
        )
        const all = sum(weights.length, t => weights[t] as number)
        const value = (t: number): number => read(pastValue!, v!, t, channel % size)
        return sum(weights.length, t => ((weights[t] as number) / all) * value(t))
      }),
  }
}

it('every kind of node has a case that holds one', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(nodeKinds).sort())
  for (const [kind, list] of Object.entries(cases)) {
    for (const item of list) {
      const kinds = nodesOf({ outputs: { y: item.build(inputsOf(item)) } }).map(node => node.kind)
      expect(kinds, item.title).toContain(kind)
    }
  }
})

const typed = (spec: Case['inputs'][string]): readonly [DType, Shape] =>
  Array.isArray(spec[1]) ? (spec as [DType, Shape]) : ['float32', spec as Shape]

const inputsOf = ({ inputs }: Case): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(inputs).map(([name, spec]) => [name, ops.input(name, ...typed(spec))]))

function feedsOf({ inputs, feed }: Case, sizes: Sizes): Record<string, NdArray> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, spec], i) => {
      const shape = typed(spec)[1].map(size => (typeof size === 'number' ? size : (sizes[size] as number)))
      return [name, feed?.(name, sizes) ?? randomArray(shape, i + 1)]
    }),
  )
}

describe.each(Object.entries(cases))('%s computes', (_, list) => {
  it.each(list)('$title', async item => {
    const y = item.build(inputsOf(item))
    const session = await openGraph({ y }, folder)
    const used = new Set(nodesOf({ outputs: { y } }).map(node => node.value))
    for (const sizes of twoSizes) {
      const arrays = feedsOf(item, sizes)
      const feeds = Object.entries(arrays).filter(([name]) => used.has(name))
      const values: Values = Object.fromEntries(
        feeds.map(([name, x]) => [name, toValue(x, typed(item.inputs[name] as Shape)[0])]),
      )
      const actual = (await session.run(values)).y
      expect(actual?.dtype).toBe(y.dtype)
      expect(actual?.shape).toEqual(y.shape.map(size => evaluateDimension(size, sizes)))
      expectClose(toArray(actual!), item.expected(rounded(arrays), sizes))
    }
    await session.release()
  })
})

/** What the session sees of them: float32. */
const rounded = (arrays: Readonly<Record<string, NdArray>>): Record<string, NdArray> =>
  Object.fromEntries(
    Object.entries(arrays).map(([name, x]) => [name, { ...x, data: x.data.map(Math.fround) }]),
  )

function expectClose(actual: NdArray, expected: NdArray): void {
  expect(actual.shape).toEqual(expected.shape)
  expect(actual.data.length).toBe(expected.data.length)
  const largest = Math.max(1, ...expected.data.map(Math.abs))
  const far = expected.data.findIndex((value, i) => !(Math.abs(value - actual.data[i]!) <= 2e-6 * largest))
  expect(far === -1 ? null : { at: far, actual: actual.data[far], expected: expected.data[far] }).toBeNull()
}

describe('on random shapes', () => {
  const size = fc.integer({ min: 1, max: 4 })
  const shape = fc.array(size, { maxLength: 4 })
  const few = { numRuns: 25 }
  const one = async (y: Tensor, x: Readonly<Record<string, NdArray>>): Promise<NdArray> =>
    (await runGraph({ y }, Object.fromEntries(Object.entries(x).map(([n, v]) => [n, toValue(v)]))))
      .y as NdArray
  const leaf = (name: string, x: NdArray): Tensor => ops.input(name, 'float32', x.shape)

  it('elementwise operators broadcast', async () => {
    const flags = fc.array(fc.constantFrom('both', 'left', 'right'), { minLength: 4, maxLength: 4 })
    const property = fc.asyncProperty(shape, flags, fc.nat(4), async (full, kept, dropped) => {
      const a = randomArray(
        full.map((n, i) => (kept[i] === 'right' ? 1 : n)),
        1,
      )
      const b = randomArray(full.map((n, i) => (kept[i] === 'left' ? 1 : n)).slice(dropped), 2)
      const shape = full.map((n, i) => (i < dropped && kept[i] === 'right' ? 1 : n))
      const actual = await one(ops.sub(leaf('a', a), leaf('b', b)), { a, b })
      expectClose(
        actual,
        array(shape, (...index) => Math.fround(at(a, ...index)) - Math.fround(at(b, ...index))),
      )
    })
    await fc.assert(property, few)
  })

  it('transpose, slice and concat move every element where it belongs', async () => {
    const property = fc.asyncProperty(
      fc.array(size, { minLength: 1, maxLength: 4 }),
      fc.infiniteStream(fc.nat(1000)),
      async (full, draws) => {
        const draw = (below: number): number => (draws.next().value as number) % below
        const x = randomArray(full, 3)
        const perm = full.map((_, i) => i).sort(() => draw(3) - 1)
        const axis = draw(full.length)
        const start = draw(full[perm[axis]!] as number)
        const moved = ops.transpose(leaf('x', x), perm)
        const y = ops.concat([ops.slice(moved, axis, start), moved], axis - full.length)
        const kept = (full[perm[axis]!] as number) - start
        const shape = perm.map((from, i) => (full[from] as number) + (i === axis ? kept : 0))
        const expected = array(shape, (...index) => {
          const i = index[axis] as number
          const source = index.with(axis, i < kept ? i + start : i - kept)
          return at(x, ...perm.map((_, j) => source[perm.indexOf(j)] as number))
        })
        expectClose(await one(y, { x }), expected)
      },
    )
    await fc.assert(property, few)
  })

  it('softmax and means go along the axis asked for', async () => {
    const property = fc.asyncProperty(
      fc.array(size, { minLength: 1, maxLength: 4 }),
      fc.nat(3),
      async (full, n) => {
        const axis = n % full.length
        const x = randomArray(full, 4)
        const mean = ops.reduceMean(ops.softmax(leaf('x', x), axis), axis)
        const length = full[axis] as number
        expectClose(
          await one(mean, { x }),
          array(full.toSpliced(axis, 1), () => 1 / length),
        )
        const input = leaf('x', x)
        const weighted = ops.reduceMean(ops.mul(ops.softmax(input, axis - full.length), input), axis)
        const expected = array(full.toSpliced(axis, 1), (...index) => {
          const value = (i: number): number => at(x, ...index.toSpliced(axis, 0, i))
          return (
            sum(length, i => Math.exp(value(i)) * value(i)) / sum(length, i => Math.exp(value(i))) / length
          )
        })
        expectClose(await one(weighted, { x }), expected)
      },
    )
    await fc.assert(property, few)
  })

  it('products broadcast their leading axes', async () => {
    const property = fc.asyncProperty(
      fc.array(size, { maxLength: 2 }),
      fc.tuple(size, size, size),
      fc.boolean(),
      async (batch, [m, k, n], shared) => {
        const a = randomArray([...batch, m, k], 5)
        const b = randomArray([...(shared ? [] : batch.map(() => 1)), k, n], 6)
        expectClose(
          await one(ops.matmul(leaf('a', a), leaf('b', b)), { a, b }),
          array([...batch, m, n], (...index) => {
            const lead = index.slice(0, -2)
            const [row, column] = index.slice(-2) as [number, number]
            return sum(k, i => at(a, ...lead, row, i) * at(b, ...lead, i, column))
          }),
        )
      },
    )
    await fc.assert(property, few)
  })
})
