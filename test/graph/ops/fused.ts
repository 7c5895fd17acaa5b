import type { Shape } from '../../../src/graph/dimension.ts'
import * as ops from '../../../src/graph/ops.ts'
import type { DType, Tensor } from '../../../src/graph/tensor.ts'
import { type Cases, source, whole, x, y } from './tensors.ts'

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

const causalAttention = (q: Shape, k: Shape, kvHeads = 2): Tensor =>
  ops.causalAttention(x(...q), y(...k), y(...k), { heads: 4, kvHeads, scale: 0.5 })

const heads = (count: number): { heads: number; scale: number } => ({ heads: count, scale: 0.5 })

export const fused = {
  groupQueryAttention: {
    gives: [
      [() => groupQueryAttention()[0], 'float32[1,S,32]'],
      [() => groupQueryAttention()[1], 'float32[1,2,P,8]'],
      [() => groupQueryAttention()[2], 'float32[1,2,P,8]'],
    ],
    refuses: [
      [
        () => groupQueryAttention({ q: [1, 'S', 33] }),
        'groupQueryAttention: q is [1,S,33], expected [1,S,32]',
      ],
      [
        () => groupQueryAttention({ k: [1, 'P', 16] }),
        'groupQueryAttention: k is [1,P,16], expected [1,S,16]',
      ],
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
  },
  causalAttention: {
    gives: [[() => causalAttention([1, 'S', 32], [1, 'S', 16]), 'float32[1,S,32]']],
    refuses: [
      [
        () => causalAttention([1, 'S', 24], [1, 'S', 16]),
        'causalAttention: a head has 6 channels, expected a multiple of 8',
      ],
      [
        () => causalAttention([1, 'S', 32], [1, 'P', 16]),
        'causalAttention: k is [1,P,16], expected [1,S,16]',
      ],
      [
        () => causalAttention([1, 'S', 32], [1, 'S', 16], 3),
        'causalAttention: 4 query heads do not share 3 key heads evenly',
      ],
    ],
  },
  multiHeadAttention: {
    gives: [
      [
        () => ops.multiHeadAttention(x('B', 'S', 6), y('B', 'P', 6), y('B', 'P', 6), heads(2)),
        'float32[B,S,6]',
      ],
    ],
    refuses: [
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
  },
  matMulNBits: {
    gives: [
      [() => ops.matMulNBits(x('S', 64), fourBits), 'float32[S,24]'],
      [() => ops.matMulNBits(x(2, 96), eightBits), 'float32[2,24]'],
    ],
    refuses: [
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
  },
  dequantize: {
    gives: [
      [() => ops.dequantize(fourBits), 'float32[24,64]'],
      [() => ops.dequantize(eightBits), 'float32[24,96]'],
    ],
    refuses: [
      [
        () => ops.dequantize({ ...fourBits, values: x(24, 2, 16) }),
        'reread: Input is neither a weight nor a constant',
      ],
    ],
  },
} satisfies Record<string, Cases>
