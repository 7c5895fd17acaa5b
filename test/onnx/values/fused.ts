import type { Shape } from '../../../src/graph/dimension.ts'
import * as ops from '../../../src/graph/ops.ts'
import { randomBlocks } from '../../graph/random-blocks.ts'
import { array, at, type NdArray, sum } from '../array.ts'
import type { Case, Cases } from './case.ts'

export const fused: Cases<'DequantizeLinear' | 'MatMulNBits' | 'GroupQueryAttention' | 'MultiHeadAttention'> =
  {
    DequantizeLinear: [dequantizeCase(4), dequantizeCase(8)],
    MatMulNBits: [matMulNBitsCase(4), matMulNBitsCase(8)],
    GroupQueryAttention: [
      { ...groupQueryAttentionCase(4, 4, 8), title: 'every query head with its own keys' },
      { ...groupQueryAttentionCase(4, 2, 8), title: 'two query heads on each key head' },
      { ...groupQueryAttentionCase(6, 1, 16), title: 'one key head for all' },
      { ...causalAttentionCase(4, 4), title: 'no cache, every query head with its own keys' },
      { ...causalAttentionCase(4, 2), title: 'no cache, two query heads on each key head' },
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

/** S positions, each of which sees itself and those before it. */
function causalAttentionCase(heads: number, kvHeads: number): Case {
  const { inputs, expected } = groupQueryAttentionCase(heads, kvHeads, 8)
  const { q, k, v } = inputs as Record<'q' | 'k' | 'v', Shape>
  const none = { pastKey: array([0], () => 0), pastValue: array([0], () => 0) }
  return {
    title: '',
    inputs: { q, k, v },
    build: ({ q, k, v }) => ops.causalAttention(q!, k!, v!, { heads, kvHeads, scale: 0.7 }),
    expected: (x, sizes) => expected({ ...x, ...none }, { ...sizes, P: 0 }),
  }
}
