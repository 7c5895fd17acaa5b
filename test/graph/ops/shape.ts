import * as ops from '../../../src/graph/ops.ts'
import type { Tensor } from '../../../src/graph/tensor.ts'
import { type Cases, half, whole, x, y } from './tensors.ts'

export const shape = {
  reshape: {
    gives: [
      [() => ops.reshape(x('B', 'S', 6), ['B', 'S', 2, 3]), 'float32[B,S,2,3]'],
      [() => ops.reshape(x('B', 577, 8), ['577*B', 8]), 'float32[577*B,8]'],
      [() => ops.reshape(x(1, 'S', 8), ['S', 8]), 'float32[S,8]'],
      [() => ops.reshape(x('S', 'B'), ['B*S']), 'float32[B*S]'],
      [() => ops.reshape(x('B*S'), ['B', 'S'], y('S', 'B')), 'float32[B,S]'],
    ],
    refuses: [
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
  },
  transpose: {
    gives: [[() => ops.transpose(x('S', 'H', 8), [1, 0, -1]), 'float32[H,S,8]']],
    refuses: [
      [() => ops.transpose(x('S', 8), [0, 0]), 'transpose: [0,0] does not order the axes of [S,8]'],
      [() => ops.transpose(x('S', 8), [1]), 'transpose: [1] does not order the axes of [S,8]'],
      [() => ops.transpose(x('S', 8), [0, 2]), 'transpose: axis 2 is outside [S,8]'],
    ],
  },
  concat: {
    gives: [[() => ops.concat([x('P', 8), x('S', 8), x(2, 8)], -2), 'float32[P+S+2,8]']],
    refuses: [
      [() => ops.concat([], 0), 'concat: nothing to join'],
      [() => ops.concat([x('S', 8), y('S', 7)], 0), 'concat: parts differ beside axis 0, [S,8] x [S,7]'],
      [() => ops.concat([x('S', 8), y('S', 8, 1)], 1), 'concat: parts differ beside axis 1, [S,8] x [S,8,1]'],
      [() => ops.concat([x('S', 8), y('S')], 0), 'concat: parts differ beside axis 0, [S,8] x [S]'],
      [() => ops.concat([x(8), half(8)], 0), 'concat: types differ, float32 x float16'],
      [() => ops.concat([x(8)], 1), 'concat: axis 1 is outside [8]'],
    ],
  },
  slice: {
    gives: [
      [() => ops.slice(x('S', 8), 0, -1), 'float32[1,8]'],
      [() => ops.slice(x('S', 8), 0, 1), 'float32[S-1,8]'],
      [() => ops.slice(x('S', 8), 0, 0, -2), 'float32[S-2,8]'],
      [() => ops.slice(x('S', 8), -1, 2, 6), 'float32[S,4]'],
      [() => ops.slice(x('S', 8), 1, -8, 0), 'float32[S,0]'],
      [() => ops.slice(x('S', 8), 1, 8), 'float32[S,0]'],
    ],
    refuses: [
      [() => ops.slice(x('S', 8), 1, 0, 9), 'slice: 0 to 9 is outside axis 1 of [S,8]'],
      [() => ops.slice(x('S', 8), 1, 5, 3), 'slice: 5 to 3 is outside axis 1 of [S,8]'],
      [() => ops.slice(x('S', 8), -1, -9), 'slice: -9 to the end is outside axis -1 of [S,8]'],
      [() => ops.slice(x('S', 8), 0, 5, 3), 'slice: 5 to 3 is outside axis 0 of [S,8]'],
      [() => ops.slice(x('S', 8), 2, 0), 'slice: axis 2 is outside [S,8]'],
      [() => ops.slice(x('S', 8), 0, 0.5), 'slice: 0.5 to the end is outside axis 0 of [S,8]'],
    ],
  },
  sliceTo: {
    gives: [[() => ops.sliceTo(x(1, 2, 'P', 8), 2, whole(1), 'n'), 'float32[1,2,n,8]']],
    refuses: [
      [() => ops.sliceTo(x('P', 8), 2, whole(1), 'n'), 'sliceTo: axis 2 is outside [P,8]'],
      [() => ops.sliceTo(x('P', 8), 0, whole(), 'n'), 'sliceTo: the length is int64[], expected int64[1]'],
      [() => ops.sliceTo(x('P', 8), 0, x(1), 'n'), 'sliceTo: the length is float32[1], expected int64[1]'],
    ],
  },
  growTo: {
    gives: [[() => ops.growTo(x(2, 'S'), 1, whole(1), '4*A'), 'float32[2,4*A]']],
    refuses: [
      [() => ops.growTo(x('S', 8), 2, whole(1), 'n'), 'growTo: axis 2 is outside [S,8]'],
      [() => ops.growTo(x('S', 8), 0, whole(2), 'n'), 'growTo: the length is int64[2], expected int64[1]'],
      [() => ops.growTo(half('S'), 0, whole(1), 'n'), 'growTo: types differ, float16 x float32'],
    ],
  },
  splitLike: {
    gives: [
      [() => ops.splitLike(x('P+S', 8), 0, [x('P', 8), y('S', 8)])[0] as Tensor, 'float32[P,8]'],
      [() => ops.splitLike(x('S', 8), -1, [x('S', 3), y('S', 5)])[1] as Tensor, 'float32[S,5]'],
    ],
    refuses: [
      [() => ops.splitLike(x('S', 8), 1, [y('S', 7)]), 'splitLike: parts of 7 do not fill axis 1 of [S,8]'],
      [() => ops.splitLike(x('P+S'), 0, [y('P')]), 'splitLike: parts of P do not fill axis 0 of [P+S]'],
      [() => ops.splitLike(x('S', 8), 2, []), 'splitLike: axis 2 is outside [S,8]'],
    ],
  },
  padLike: {
    gives: [
      [() => ops.padLike(x('S', 2), 1, 3, y('S', 8)), 'float32[S,8]'],
      [() => ops.padLike(x(1, 8), -2, 'S-1', y('S', 8)), 'float32[S,8]'],
      [() => ops.padLike(x('n'), 0, 0, y('P')), 'float32[P]'],
    ],
    refuses: [
      [() => ops.padLike(x(3), 0, 6, y(8)), 'padLike: 3 from 6 on is outside axis 0 of [8]'],
      [() => ops.padLike(x(3), 0, -1, y(8)), 'padLike: 3 from -1 on is outside axis 0 of [8]'],
      [() => ops.padLike(x('n'), 0, 'm', y('P')), 'no axis of [P] has the size m'],
      [() => ops.padLike(half(2), 0, 0, half(6)), 'padLike: types differ, float16 x float32'],
      [() => ops.padLike(x(2), 1, 0, x(6)), 'padLike: axis 1 is outside [2]'],
    ],
  },
  padTo: {
    gives: [
      [() => ops.padTo(x('S', 6), 1, 8), 'float32[S,8]'],
      [() => ops.padTo(x('S', 8), -1, 8), 'float32[S,8]'],
    ],
    refuses: [
      [() => ops.padTo(x('S', 8), 1, 6), 'padTo: axis 1 of [S,8] cannot grow to 6'],
      [() => ops.padTo(x('S', 8), 0, 6), 'padTo: axis 0 of [S,8] cannot grow to 6'],
      [() => ops.padTo(whole(2), 0, 6), 'padTo: types differ, int64 x float32'],
      [() => ops.padTo(x(2), 1, 6), 'padTo: axis 1 is outside [2]'],
    ],
  },
  aboveDiagonal: {
    gives: [[() => ops.aboveDiagonal(half('H', 'S', 'P')), 'float16[H,S,P]']],
    refuses: [[() => ops.aboveDiagonal(x('S')), 'aboveDiagonal: [S] has fewer than 2 axes']],
  },
  gather: {
    gives: [
      [() => ops.gather(x(100, 8), whole('B', 'S')), 'float32[B,S,8]'],
      [() => ops.gather(x('S', 8), whole(), 1), 'float32[S]'],
    ],
    refuses: [
      [() => ops.gather(x(9, 8), x('S')), 'gather: indices are float32, expected int64 or int32'],
      [() => ops.gather(x(9, 8), whole('S'), 2), 'gather: axis 2 is outside [9,8]'],
    ],
  },
  expand: {
    gives: [
      [() => ops.expand(x(1, 1, 8), ['B', 1, 8], x('B', 4, 8)), 'float32[B,1,8]'],
      [() => ops.expand(x(8), ['B', 'S', 8], x('S', 'B')), 'float32[B,S,8]'],
      [() => ops.expand(x(), [], y(8)), 'float32[]'],
    ],
    refuses: [
      [() => ops.expand(x(2), [3], y(3)), 'expand: [2] does not broadcast to [3]'],
      [() => ops.expand(x(3), [1], y(3)), 'expand: [3] does not broadcast to [1]'],
      [() => ops.expand(x(1, 3), [3], y(3)), 'expand: [1,3] does not broadcast to [3]'],
      [() => ops.expand(x(1), ['B'], y('S', 3)), 'no axis of [S,3] has the size B'],
    ],
  },
  runtimeSize: {
    gives: [
      [() => ops.runtimeSize('S', x(2, 'S')), 'int64[1]'],
      [() => ops.runtimeSize('S-1', x(2, 'S')), 'int64[1]'],
      [() => ops.runtimeSize(7, x()), 'int64[1]'],
    ],
    refuses: [[() => ops.runtimeSize('S', x('P', 'P+S')), 'no axis of [P,P+S] has the size S']],
  },
} satisfies Record<string, Cases>
