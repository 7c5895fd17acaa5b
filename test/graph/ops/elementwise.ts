import * as ops from '../../../src/graph/ops.ts'
import { type Cases, half, whole, x, y } from './tensors.ts'

export const elementwise = {
  add: {
    gives: [
      [() => ops.add(x('B', 1, 8), y('S', 1)), 'float32[B,S,8]'],
      [() => ops.add(whole(1), whole('S-1')), 'int64[S-1]'],
    ],
    refuses: [
      [
        () => ops.add(x('B', 'S', 8), y('P', 8)),
        'add: shapes do not broadcast, [B,S,8] x [P,8] (S is not P)',
      ],
      [() => ops.add(x(2), half(2)), 'add: types differ, float32 x float16'],
    ],
  },
  sub: {
    gives: [[() => ops.sub(x('S', 8), y()), 'float32[S,8]']],
    refuses: [[() => ops.sub(x(2), y(3)), 'sub: shapes do not broadcast, [2] x [3] (2 is not 3)']],
  },
  mul: {
    gives: [[() => ops.mul(x(8), y(2, 'P+S', 8)), 'float32[2,P+S,8]']],
    refuses: [[() => ops.mul(x(2), whole(2)), 'mul: types differ, float32 x int64']],
  },
  div: {
    gives: [[() => ops.div(x(1, 1), y('S', 'S')), 'float32[S,S]']],
    refuses: [[() => ops.div(x(2, 1), y(3, 1)), 'div: shapes do not broadcast, [2,1] x [3,1] (2 is not 3)']],
  },
  neg: {
    gives: [[() => ops.neg(whole('S')), 'int64[S]']],
  },
  exp: {
    gives: [[() => ops.exp(x('S', 2)), 'float32[S,2]']],
    refuses: [[() => ops.exp(whole('S')), 'exp: int64[S] is not of a float type']],
  },
  erf: {
    gives: [[() => ops.erf(x('S', 2)), 'float32[S,2]']],
    refuses: [[() => ops.erf(whole('S')), 'erf: int64[S] is not of a float type']],
  },
  sqrt: {
    gives: [[() => ops.sqrt(half('S', 2)), 'float16[S,2]']],
    refuses: [[() => ops.sqrt(whole(2)), 'sqrt: int64[2] is not of a float type']],
  },
  sign: {
    gives: [[() => ops.sign(whole('S')), 'int64[S]']],
  },
  relu: {
    gives: [[() => ops.relu(x('S', 2)), 'float32[S,2]']],
  },
  sigmoid: {
    gives: [[() => ops.sigmoid(x('S', 2)), 'float32[S,2]']],
    refuses: [[() => ops.sigmoid(whole('S')), 'sigmoid: int64[S] is not of a float type']],
  },
  tanh: {
    gives: [[() => ops.tanh(half('S', 2)), 'float16[S,2]']],
    refuses: [[() => ops.tanh(whole(2)), 'tanh: int64[2] is not of a float type']],
  },
  gelu: {
    gives: [[() => ops.gelu(x('S', 2), 'tanh'), 'float32[S,2]']],
    refuses: [[() => ops.gelu(whole()), 'gelu: int64[] is not of a float type']],
  },
  cast: {
    gives: [
      [() => ops.cast(x('S', 2), 'int32'), 'int32[S,2]'],
      [() => ops.cast(x('S'), 'float32'), 'float32[S]'],
    ],
  },
} satisfies Record<string, Cases>
