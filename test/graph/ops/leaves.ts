import * as ops from '../../../src/graph/ops.ts'
import { type Cases, source, x } from './tensors.ts'

export const leaves = {
  input: {
    gives: [[() => ops.input('ids', 'int64', ['B', 'S']), 'int64[B,S]']],
  },
  weight: {
    gives: [[() => ops.weight(source, 'bfloat16', [3, 4]), 'bfloat16[3,4]']],
  },
  constant: {
    gives: [
      [() => ops.constant([1, 2, 3, 4, 5, 6], 'int32', [2, 3]), 'int32[2,3]'],
      [() => ops.constant(new Float32Array(0), 'float32', [0]), 'float32[0]'],
    ],
    refuses: [
      [() => ops.constant([1, 2, 3], 'float32', [2, 2]), 'constant: 3 values do not fill [2,2]'],
      [() => ops.constant([1, 2, 3], 'float32', ['S']), 'constant: 3 values do not fill [S]'],
    ],
  },
  constantValues: {
    gives: [],
    refuses: [[() => ops.constantValues(x(2)), 'Input is no constant']],
  },
  scalar: {
    gives: [[() => ops.scalar(2.5), 'float32[]']],
  },
} satisfies Record<string, Cases>
