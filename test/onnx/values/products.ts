import * as ops from '../../../src/graph/ops.ts'
import { array, at, sum } from '../array.ts'
import type { Cases } from './case.ts'

/** Of the numbers that `index` picks, `count` of them: mean and variance. */
function moments(count: number, pick: (i: number) => number): [mean: number, variance: number] {
  const mean = sum(count, pick) / count
  return [mean, sum(count, i => (pick(i) - mean) ** 2) / count]
}

export const products: Cases<
  | 'MatMul'
  | 'Gemm'
  | 'Softmax'
  | 'LogSoftmax'
  | 'LayerNormalization'
  | 'RMSNormalization'
  | 'ReduceMean'
  | 'ReduceSum'
  | 'ArgMax'
  | 'OneHot'
> = {
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
}
