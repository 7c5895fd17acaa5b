import * as ops from '../../../src/graph/ops.ts'
import { type Cases, half, whole, x, y } from './tensors.ts'

export const products = {
  matmul: {
    gives: [
      [() => ops.matmul(x('B', 1, 'S', 64), y('H', 64, 'P')), 'float32[B,H,S,P]'],
      [() => ops.matmul(x('S', 'P+S'), y('P+S', 8)), 'float32[S,8]'],
    ],
    refuses: [
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
  },
  gemm: {
    gives: [
      [() => ops.gemm(x('S', 64), y(32, 64), y(32)), 'float32[S,32]'],
      [() => ops.gemm(x('577*B', 64), y(32, 64)), 'float32[577*B,32]'],
    ],
    refuses: [
      [() => ops.gemm(x('S', 64), y(64, 32)), 'gemm: inner sizes differ, [S,64] x [64,32] (64 is not 32)'],
      [() => ops.gemm(x(1, 'S', 64), y(32, 64)), 'gemm: expected two matrices, [1,S,64] x [32,64]'],
      [() => ops.gemm(x('S', 64), half(32, 64)), 'gemm: types differ, float32 x float16'],
      [
        () => ops.gemm(x('S', 64), y(32, 64), y(64)),
        'gemm: the bias does not fit the weight, [32,64] x [64]',
      ],
      [
        () => ops.gemm(x('S', 64), y(32, 64), y(1, 32)),
        'gemm: the bias does not fit the weight, [32,64] x [1,32]',
      ],
      [
        () => ops.gemm(x('S', 64), y(32, 64), half(32)),
        'gemm: the bias does not fit the weight: types differ, float32 x float16',
      ],
    ],
  },
  softmax: {
    gives: [[() => ops.softmax(x('S', 'P'), 0), 'float32[S,P]']],
    refuses: [
      [() => ops.softmax(x('S', 8), 2), 'softmax: axis 2 is outside [S,8]'],
      [() => ops.softmax(whole('S')), 'softmax: int64[S] is not of a float type'],
    ],
  },
  logSoftmax: {
    gives: [[() => ops.logSoftmax(x('S', 'P'), 0), 'float32[S,P]']],
    refuses: [
      [() => ops.logSoftmax(x('S', 8), 2), 'logSoftmax: axis 2 is outside [S,8]'],
      [() => ops.logSoftmax(whole('S')), 'logSoftmax: int64[S] is not of a float type'],
    ],
  },
  layerNormalization: {
    gives: [[() => ops.layerNormalization(x('B', 'S', 8), y(8), y(8), 1e-5), 'float32[B,S,8]']],
    refuses: [
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
  },
  rmsNormalization: {
    gives: [[() => ops.rmsNormalization(x('S', 8), y(8), 1e-6), 'float32[S,8]']],
    refuses: [
      [
        () => ops.rmsNormalization(x('S', 8), y(4), 1e-5),
        'rmsNormalization: the scale does not fit, [S,8] x [4]',
      ],
      [
        () => ops.rmsNormalization(whole(8), whole(8), 1e-5),
        'rmsNormalization: int64[8] is not of a float type',
      ],
    ],
  },
  reduceMean: {
    gives: [
      [() => ops.reduceMean(x('H', 'S', 'P'), 0), 'float32[S,P]'],
      [() => ops.reduceMean(x('S'), -1), 'float32[]'],
    ],
    refuses: [[() => ops.reduceMean(x('S', 8), -3), 'reduceMean: axis -3 is outside [S,8]']],
  },
  reduceSum: {
    gives: [
      [() => ops.reduceSum(x('H', 'S', 'P'), [0, -1]), 'float32[1,S,1]'],
      [() => ops.reduceSum(x('S'), []), 'float32[S]'],
    ],
    refuses: [[() => ops.reduceSum(x('S', 8), [0, 2]), 'reduceSum: axis 2 is outside [S,8]']],
  },
  argMax: {
    gives: [
      [() => ops.argMax(x('S', 23)), 'int64[S]'],
      [() => ops.argMax(x('S', 'P'), 0), 'int64[P]'],
    ],
    refuses: [[() => ops.argMax(x('S', 8), 2), 'argMax: axis 2 is outside [S,8]']],
  },
  oneHot: {
    gives: [[() => ops.oneHot(whole('B', 1), 23), 'float32[B,1,23]']],
    refuses: [[() => ops.oneHot(x('S'), 8), 'oneHot: indices are float32, expected int64 or int32']],
  },
} satisfies Record<string, Cases>
