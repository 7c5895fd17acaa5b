import * as ops from '../../../src/graph/ops.ts'
import { array, at } from '../array.ts'
import type { Cases } from './case.ts'

export const shape: Cases<
  'Reshape' | 'Transpose' | 'Trilu' | 'Concat' | 'Slice' | 'Split' | 'Pad' | 'Gather' | 'Expand' | 'Shape'
> = {
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
  Trilu: [
    {
      title: 'zeros on and below the diagonal',
      inputs: { x: ['B', 'S', 'P'] },
      build: ({ x }) => ops.aboveDiagonal(x!),
      expected: ({ x }, { B, S, P }) => array([B!, S!, P!], (i, j, k) => (k > j ? at(x!, i, j, k) : 0)),
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
    {
      title: 'zeros between two transpositions',
      inputs: { x: ['S', 5, 2] },
      build: ({ x }) => ops.transpose(ops.padTo(ops.transpose(x!, [2, 1, 0]), 1, 8), [2, 1, 0]),
      expected: ({ x }, { S }) => array([S!, 8, 2], (i, j, k) => (j < 5 ? at(x!, i, j, k) : 0)),
    },
    {
      title: 'zeros between two transpositions, known when the graph runs',
      inputs: { x: ['B', 'S', 2] },
      build: ({ x }) => {
        const turned = ops.transpose(x!, [2, 1, 0])
        return ops.transpose(ops.padLike(ops.slice(turned, 1, -2, -1), 1, 'S-2', turned), [2, 1, 0])
      },
      expected: ({ x }, { B, S }) => array([B!, S!, 2], (i, j, k) => (j === S! - 2 ? at(x!, i, j, k) : 0)),
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
}
