import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { rules } from '../../src/grad/rules.ts'
import type { Shape } from '../../src/graph/dimension.ts'
import { nodesOf } from '../../src/graph/graph.ts'
import * as ops from '../../src/graph/ops.ts'
import { dimension, type NodeKind, nodeKinds, type Tensor } from '../../src/graph/tensor.ts'
import { randomBlocks } from '../graph/random-blocks.ts'
import { type Expression, expectSlopes, inputsOf, type Sizes } from './check.ts'

// Every rule against difference quotients of what the runtime computes. Each case runs at two sizes of B, S and P.

type Case = readonly [title: string, inputs: Expression['inputs'], build: Build, how?: How]
type Build = (x: { a: Tensor; b: Tensor; c: Tensor }) => Tensor
type How = Pick<Expression, 'feed' | 'tolerance'>

const twoSizes: readonly Sizes[] = [
  { B: 2, S: 3, P: 5 },
  { B: 1, S: 4, P: 2 },
]

const awayFromZero: How = { feed: value => value + Math.sign(value) / 4 }
const positive: How = { feed: value => value + 2.5 }

/** Shapes that broadcast against each other: one way, the other, both, and by rank. */
const broadcasts: readonly (readonly [title: string, a: Shape, b: Shape])[] = [
  ['of one shape', ['B', 'S'], ['B', 'S']],
  ['the second broadcast', ['B', 'S', 3], [1, 'S', 1]],
  ['the first broadcast', ['S', 1], ['B', 'S', 4]],
  ['both broadcast', ['B', 1, 4], ['S', 1]],
  ['a single number', ['S', 'P'], []],
]
const binary = (build: (a: Tensor, b: Tensor) => Tensor, how: How = {}): Case[] =>
  broadcasts.map(([title, a, b]) => [title, { a, b }, x => build(x.a, x.b), how])

const unary = (build: (a: Tensor) => Tensor, how: How = {}): Case[] => [
  ['each number', { a: ['B', 'S', 3] }, x => build(x.a), how],
]

/** Where an activation bends. */
const wide = (x: Tensor): Tensor => ops.mul(x, ops.scalar(3))

/** As many rows of `a` as `b` has. */
const firstOf = (a: Tensor, b: Tensor): Tensor => ops.sliceTo(a, 0, ops.runtimeSize('S', b), 'S')

const cases: Readonly<Record<NodeKind, readonly Case[] | 'no gradient'>> = {
  Input: 'no gradient',
  Weight: 'no gradient',
  Constant: 'no gradient',

  Add: binary(ops.add),
  Sub: binary(ops.sub),
  Mul: binary(ops.mul),
  Div: binary(ops.div, positive),

  Neg: unary(ops.neg),
  Exp: unary(ops.exp),
  Sqrt: unary(ops.sqrt, positive),
  Erf: unary(ops.erf),
  Relu: unary(ops.relu, awayFromZero),
  Sigmoid: unary(x => ops.sigmoid(wide(x))),
  Tanh: unary(ops.tanh),
  Gelu: [...unary(x => ops.gelu(wide(x))), ...unary(x => ops.gelu(wide(x), 'tanh'))],
  Sign: 'no gradient',
  Cast: [['', { a: ['S', 40] }, ({ a }) => ops.cast(ops.cast(a, 'float16'), 'float32'), { tolerance: 0.02 }]],

  MatMul: [
    ['two matrices', { a: ['S', 'P'], b: ['P', 4] }, ({ a, b }) => ops.matmul(a, b)],
    ['the second shared', { a: ['B', 2, 'S', 3], b: [3, 'P'] }, ({ a, b }) => ops.matmul(a, b)],
    ['the first shared', { a: ['S', 3], b: ['B', 3, 'P'] }, ({ a, b }) => ops.matmul(a, b)],
    ['both broadcast', { a: ['B', 1, 'S', 3], b: [2, 3, 'P'] }, ({ a, b }) => ops.matmul(a, b)],
  ],
  Gemm: [
    ['with a bias', { a: ['S', 3], b: [4, 3], c: [4] }, ({ a, b, c }) => ops.gemm(a, b, c)],
    ['without', { a: [1, 3], b: [4, 3] }, ({ a, b }) => ops.gemm(a, b)],
  ],
  MatMulNBits: ([4, 8] as const).map((bits): Case => {
    const { matrix } = randomBlocks(bits, 5, 4)
    return [`${bits} bits`, { a: ['S', 128] }, ({ a }) => ops.matMulNBits(a, matrix)]
  }),
  Softmax: [
    ['over the last axis', { a: ['B', 'S', 'P'] }, ({ a }) => ops.softmax(wide(a))],
    ['over the first', { a: ['S', 'P'] }, ({ a }) => ops.softmax(wide(a), 0)],
    ['over a negative one', { a: ['B', 'S', 2] }, ({ a }) => ops.softmax(wide(a), -2)],
  ],
  LogSoftmax: [
    ['over the last axis', { a: ['B', 'S', 'P'] }, ({ a }) => ops.logSoftmax(wide(a))],
    ['over a negative one', { a: ['B', 'S', 2] }, ({ a }) => ops.logSoftmax(wide(a), -2)],
  ],
  LayerNormalization: [
    ['', { a: ['B', 'S', 6], b: [6], c: [6] }, ({ a, b, c }) => ops.layerNormalization(a, b, c, 0.1)],
  ],
  RMSNormalization: [['', { a: ['B', 'S', 6], b: [6] }, ({ a, b }) => ops.rmsNormalization(a, b, 0.1)]],
  ReduceSum: [
    ['one axis', { a: ['B', 'S', 'P'] }, ({ a }) => ops.reduceSum(a, [1])],
    ['several', { a: ['B', 'S', 'P'] }, ({ a }) => ops.reduceSum(a, [0, -1])],
  ],
  ReduceMean: [
    ['the first axis, named sizes kept', { a: ['S', 'P', 'B'] }, ({ a }) => ops.reduceMean(a, 0)],
    ['an inner one', { a: ['B', 5, 'S'] }, ({ a }) => ops.reduceMean(a, -2)],
  ],

  Reshape: [
    ['axes joined', { a: ['B', 'S', 6] }, ({ a }) => ops.reshape(a, ['B*S', 6])],
    ['an axis split', { a: ['B', 'S', 6] }, ({ a }) => ops.reshape(a, ['B', 'S', 3, 2])],
    ['a named size moved', { a: [1, 'S', 4] }, ({ a }) => ops.reshape(a, ['S', 2, 2])],
  ],
  Trilu: [['', { a: ['B', 'S', 'P'] }, ({ a }) => ops.aboveDiagonal(a)]],
  Transpose: [['', { a: ['B', 'S', 4, 'P'] }, ({ a }) => ops.transpose(a, [2, 0, 3, 1])]],
  Concat: [
    ['', { a: ['B', 'S'], b: ['B', 'P'], c: ['B', 2] }, ({ a, b, c }) => ops.concat([a, b, c], 1)],
    ['one tensor twice', { a: ['S', 2], b: ['P', 2] }, ({ a, b }) => ops.concat([a, b, a], -2)],
  ],
  Slice: [
    ['the end', { a: ['S', 3] }, ({ a }) => ops.slice(a, 0, -1)],
    ['the start', { a: ['B', 'S'] }, ({ a }) => ops.slice(a, -1, 0, -1)],
    ['the middle', { a: ['B', 'S'] }, ({ a }) => ops.slice(a, 1, 1, -1)],
    ['constant sizes', { a: ['S', 9] }, ({ a }) => ops.slice(a, 1, 2, 7)],
    ['a length known when it runs', { a: [8], b: ['S'] }, ({ a, b }) => ops.mul(firstOf(a, b), b)],
  ],
  Pad: [
    ['after', { a: ['S', 5, 2] }, ({ a }) => ops.padTo(a, 1, 8)],
    ['by nothing', { a: [3, 'S'] }, ({ a }) => ops.padLike(ops.neg(a), 0, 0, a)],
    [
      'around',
      { a: ['S', 5], b: [9] },
      ({ a, b }) => ops.mul(ops.padLike(a, 1, 2, ops.reshape(b, [1, 9])), b),
    ],
    [
      'up to a length known when it runs',
      { a: [2, 'S'], b: ['9*P'] },
      ({ a, b }) => ops.mul(ops.growTo(a, 1, ops.runtimeSize('9*P', b), '9*P'), b),
    ],
  ],
  Expand: [
    ['', { a: ['S', 1, 2], b: ['B', 'S', 3, 2] }, ({ a, b }) => ops.mul(b, ops.expand(a, b.shape, b))],
  ],
  DequantizeLinear: 'no gradient',
  Split: 'no gradient',
  Gather: 'no gradient',
  ArgMax: 'no gradient',
  OneHot: 'no gradient',
  Shape: 'no gradient',
  GroupQueryAttention: (
    [
      ['every query head with its own keys', 2],
      ['three query heads on each key head', 6],
    ] as const
  ).map(
    ([title, heads]): Case => [
      title,
      { a: [1, 'S', heads * 8], b: [1, 'S', 16], c: [1, 'S', 16] },
      ({ a, b, c }) => ops.causalAttention(a, b, c, { heads, kvHeads: 2, scale: 0.7 }),
    ],
  ),
  MultiHeadAttention: [
    [
      '',
      { a: ['B', 'S', 6], b: ['B', 'P', 6], c: ['B', 'P', 6] },
      ({ a, b, c }) => ops.multiHeadAttention(a, b, c, { heads: 2, scale: 0.7 }),
    ],
  ],
}

it('every kind of node has a rule with a case that holds one, or a place among those without a gradient', () => {
  const without = (table: Readonly<Record<string, unknown>>): string[] =>
    Object.keys(table).filter(kind => table[kind] === 'no gradient')
  expect(Object.keys(cases).sort()).toEqual(Object.keys(nodeKinds).sort())
  expect(without(cases)).toEqual(without(rules))
  for (const [kind, [title, inputs, build]] of all) {
    const y = build(inputsOf(inputs) as never)
    const kinds = nodesOf({ outputs: { y } }).map(node => node.kind)
    expect(kinds, `${kind} ${title}`).toContain(kind)
  }
})

const all = Object.entries(cases).flatMap(([kind, list]) =>
  list === 'no gradient' ? [] : list.map((item): [string, Case] => [kind, item]),
)

describe('the gradient is the slope', () => {
  it.each(all.map(([kind, item]) => [`${kind} ${item[0]}`.trim(), item] as const))(
    'of %s',
    async (_, [, inputs, build, how]) => {
      for (const sizes of twoSizes) {
        await expectSlopes({ inputs, build: x => build(x as never), ...how }, sizes)
      }
    },
  )
})

describe('on random shapes the gradient is the slope', () => {
  const size = fc.integer({ min: 1, max: 4 })
  const shape = fc.array(size, { maxLength: 4 })
  const few = { numRuns: 20 }
  const check = (inputs: Expression['inputs'], build: Build): Promise<void> =>
    expectSlopes({ inputs, build: x => build(x as never) }, {})

  it('of elementwise operators that broadcast', async () => {
    const kept = fc.array(fc.constantFrom('both', 'a', 'b'), { minLength: 4, maxLength: 4 })
    const property = fc.asyncProperty(shape, kept, fc.nat(4), async (full, whose, dropped) => {
      const only = (name: string): Shape =>
        full.map((n, i) => (whose[i] === 'both' || whose[i] === name ? n : 1))
      await check({ a: only('a'), b: only('b').slice(dropped) }, ({ a, b }) => ops.sub(ops.mul(a, b), b))
    })
    await fc.assert(property, few)
  })

  it('of products whose leading axes broadcast', async () => {
    const sides = fc.tuple(size, size, size)
    const property = fc.asyncProperty(
      fc.array(size, { maxLength: 2 }),
      sides,
      fc.nat(2),
      async (lead, [m, k, n], how) => {
        const ones = lead.map(() => 1)
        const [a, b] = [how === 1 ? ones : lead, how === 2 ? ones.slice(1) : lead]
        await check({ a: [...a, m, k], b: [...b, k, n] }, x => ops.matmul(x.a, x.b))
      },
    )
    await fc.assert(property, few)
  })

  it('of transposed, cut, joined and averaged tensors', async () => {
    const some = fc.array(size, { minLength: 1, maxLength: 4 })
    const property = fc.asyncProperty(some, fc.nat(3), fc.nat(3), async (full, n, from) => {
      const axis = n % full.length
      const turned = full.map((_, i) => (i + n) % full.length)
      await check({ a: full }, ({ a }) => {
        const moved = ops.transpose(a, turned)
        const start = from % (dimension(moved, axis) as number)
        return ops.reduceMean(ops.concat([ops.slice(moved, axis, start), ops.mul(moved, moved)], axis), axis)
      })
    })
    await fc.assert(property, few)
  })
})
