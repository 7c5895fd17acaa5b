import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ops from '../../../src/graph/ops.ts'
import { array, at } from '../array.ts'
import type { Cases } from './case.ts'

const stored = [0.5, -2, 3.25, 1e-20, 7, -0.125]
const source = { name: 'stored', file: 'weights.bin', offset: 4, length: 24 }

/** Writes the file that the weight lies in. */
export function writeStored(folder: string): void {
  const bytes = new Uint8Array(Float32Array.from(stored).buffer)
  writeFileSync(join(folder, source.file), new Uint8Array([1, 2, 3, 4, ...bytes]))
}

export const leaves: Cases<'Input' | 'Weight' | 'Constant'> = {
  Input: [
    {
      title: 'an input that is an output',
      inputs: { x: ['S', 2] },
      build: ({ x }) => x!,
      expected: ({ x }) => x!,
    },
  ],
  Weight: [
    {
      title: 'a tensor that lies at an offset of a file, regrouped',
      inputs: { x: ['S', 3] },
      build: ({ x }) => ops.add(x!, ops.slice(ops.weight(source, 'float32', [2, 3]), 0, 1)),
      expected: ({ x }, { S }) => array([S!, 3], (i, j) => at(x!, i, j) + (stored[3 + j] as number)),
    },
  ],
  Constant: [
    {
      title: 'numbers of the graph itself',
      inputs: { x: ['S', 2] },
      build: ({ x }) => ops.add(x!, ops.constant([0.5, -3], 'float32', [2])),
      expected: ({ x }, { S }) => array([S!, 2], (i, j) => at(x!, i, j) + (j === 0 ? 0.5 : -3)),
    },
    {
      title: 'whole numbers on both sides of zero',
      inputs: { x: ['int64', ['S', 2]] },
      feed: (_, { S }) => array([S!, 2], i => i),
      build: ({ x }) => ops.add(x!, ops.constant([-1, 2 ** 40], 'int64', [2])),
      expected: ({ x }, { S }) => array([S!, 2], (i, j) => at(x!, i, j) + (j === 0 ? -1 : 2 ** 40)),
    },
    {
      title: 'bytes',
      inputs: { x: ['S'] },
      build: ({ x }) => ops.add(x!, ops.cast(ops.constant([200], 'uint8', [1]), 'float32')),
      expected: ({ x }, { S }) => array([S!], i => at(x!, i) + 200),
    },
    {
      title: 'int32',
      inputs: { x: ['int32', ['S']] },
      feed: (_, { S }) => array([S!], i => i),
      build: ({ x }) => ops.add(x!, ops.constant([-70_000], 'int32', [1])),
      expected: (_, { S }) => array([S!], i => i - 70_000),
    },
  ],
}
