import * as ops from '../../../src/graph/ops.ts'
import type { Tensor } from '../../../src/graph/tensor.ts'
import { array, at, sum } from '../array.ts'
import type { Case, Cases } from './case.ts'

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

/** The error function by its series, which converges for every argument used here. */
const erf = (x: number): number =>
  (2 / Math.sqrt(Math.PI)) * sum(80, n => ((-1) ** n * x ** (2 * n + 1)) / (product(n) * (2 * n + 1)))
const product = (n: number): number => (n <= 1 ? 1 : n * product(n - 1))

export const elementwise: Cases<
  | 'Add'
  | 'Sub'
  | 'Mul'
  | 'Div'
  | 'Neg'
  | 'Exp'
  | 'Erf'
  | 'Sqrt'
  | 'Sign'
  | 'Relu'
  | 'Sigmoid'
  | 'Tanh'
  | 'Gelu'
  | 'Cast'
> = {
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
}
