import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { Shape } from '../../src/graph/dimension.ts'
import { evaluateDimension } from '../../src/graph/dimension.ts'
import { nodesOf } from '../../src/graph/graph.ts'
import * as ops from '../../src/graph/ops.ts'
import { type DType, type NodeKind, nodeKinds, type Tensor } from '../../src/graph/tensor.ts'
import type { Values } from '../../src/onnx/session.ts'
import { array, at, type NdArray, randomArray, sum } from './array.ts'
import { openGraph, runGraph, toArray, toValue } from './run-graph.ts'
import type { Case, Cases, Sizes } from './values/case.ts'
import { elementwise } from './values/elementwise.ts'
import { fused } from './values/fused.ts'
import { leaves, writeStored } from './values/leaves.ts'
import { products } from './values/products.ts'
import { shape } from './values/shape.ts'

// Every kind of node, built, compiled and run, against loops written here. Each case runs at two sizes of B, S and P.

const cases: Cases<NodeKind> = { ...leaves, ...elementwise, ...products, ...shape, ...fused }

const twoSizes: readonly Sizes[] = [
  { B: 2, S: 3, P: 5 },
  { B: 1, S: 8, P: 1 },
]

const folder = mkdtempSync(join(tmpdir(), 'vicrop-values-'))
writeStored(folder)
afterAll(() => rmSync(folder, { recursive: true }))

it('every kind of node has a case that holds one', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(nodeKinds).sort())
  for (const [kind, list] of Object.entries(cases)) {
    for (const item of list) {
      const kinds = nodesOf({ outputs: { y: item.build(inputsOf(item)) } }).map(node => node.kind)
      expect(kinds, item.title).toContain(kind)
    }
  }
})

const typed = (spec: Case['inputs'][string]): readonly [DType, Shape] =>
  Array.isArray(spec[1]) ? (spec as [DType, Shape]) : ['float32', spec as Shape]

const inputsOf = ({ inputs }: Case): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(inputs).map(([name, spec]) => [name, ops.input(name, ...typed(spec))]))

function feedsOf({ inputs, feed }: Case, sizes: Sizes): Record<string, NdArray> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, spec], i) => {
      const shape = typed(spec)[1].map(size => (typeof size === 'number' ? size : (sizes[size] as number)))
      return [name, feed?.(name, sizes) ?? randomArray(shape, i + 1)]
    }),
  )
}

describe.each(Object.entries(cases))('%s computes', (_, list) => {
  it.each(list)('$title', async item => {
    const y = item.build(inputsOf(item))
    const session = await openGraph({ y }, folder)
    const used = new Set(nodesOf({ outputs: { y } }).map(node => node.value))
    for (const sizes of twoSizes) {
      const arrays = feedsOf(item, sizes)
      const feeds = Object.entries(arrays).filter(([name]) => used.has(name))
      const values: Values = Object.fromEntries(
        feeds.map(([name, x]) => [name, toValue(x, typed(item.inputs[name] as Shape)[0])]),
      )
      const actual = (await session.run(values)).y
      expect(actual?.dtype).toBe(y.dtype)
      expect(actual?.shape).toEqual(y.shape.map(size => evaluateDimension(size, sizes)))
      expectClose(toArray(actual!), item.expected(rounded(arrays), sizes))
    }
    await session.release()
  })
})

/** What the session sees of them: float32. */
const rounded = (arrays: Readonly<Record<string, NdArray>>): Record<string, NdArray> =>
  Object.fromEntries(
    Object.entries(arrays).map(([name, x]) => [name, { ...x, data: x.data.map(Math.fround) }]),
  )

function expectClose(actual: NdArray, expected: NdArray): void {
  expect(actual.shape).toEqual(expected.shape)
  expect(actual.data.length).toBe(expected.data.length)
  const largest = Math.max(1, ...expected.data.map(Math.abs))
  const far = expected.data.findIndex((value, i) => !(Math.abs(value - actual.data[i]!) <= 2e-6 * largest))
  expect(far === -1 ? null : { at: far, actual: actual.data[far], expected: expected.data[far] }).toBeNull()
}

describe('on random shapes', () => {
  const size = fc.integer({ min: 1, max: 4 })
  const shape = fc.array(size, { maxLength: 4 })
  const few = { numRuns: 25 }
  const one = async (y: Tensor, x: Readonly<Record<string, NdArray>>): Promise<NdArray> =>
    (await runGraph({ y }, Object.fromEntries(Object.entries(x).map(([n, v]) => [n, toValue(v)]))))
      .y as NdArray
  const leaf = (name: string, x: NdArray): Tensor => ops.input(name, 'float32', x.shape)

  it('elementwise operators broadcast', async () => {
    const flags = fc.array(fc.constantFrom('both', 'left', 'right'), { minLength: 4, maxLength: 4 })
    const property = fc.asyncProperty(shape, flags, fc.nat(4), async (full, kept, dropped) => {
      const a = randomArray(
        full.map((n, i) => (kept[i] === 'right' ? 1 : n)),
        1,
      )
      const b = randomArray(full.map((n, i) => (kept[i] === 'left' ? 1 : n)).slice(dropped), 2)
      const shape = full.map((n, i) => (i < dropped && kept[i] === 'right' ? 1 : n))
      const actual = await one(ops.sub(leaf('a', a), leaf('b', b)), { a, b })
      expectClose(
        actual,
        array(shape, (...index) => Math.fround(at(a, ...index)) - Math.fround(at(b, ...index))),
      )
    })
    await fc.assert(property, few)
  })

  it('transpose, slice and concat move every element where it belongs', async () => {
    const property = fc.asyncProperty(
      fc.array(size, { minLength: 1, maxLength: 4 }),
      fc.infiniteStream(fc.nat(1000)),
      async (full, draws) => {
        const draw = (below: number): number => (draws.next().value as number) % below
        const x = randomArray(full, 3)
        const perm = full.map((_, i) => i).sort(() => draw(3) - 1)
        const axis = draw(full.length)
        const start = draw(full[perm[axis]!] as number)
        const moved = ops.transpose(leaf('x', x), perm)
        const y = ops.concat([ops.slice(moved, axis, start), moved], axis - full.length)
        const kept = (full[perm[axis]!] as number) - start
        const shape = perm.map((from, i) => (full[from] as number) + (i === axis ? kept : 0))
        const expected = array(shape, (...index) => {
          const i = index[axis] as number
          const source = index.with(axis, i < kept ? i + start : i - kept)
          return at(x, ...perm.map((_, j) => source[perm.indexOf(j)] as number))
        })
        expectClose(await one(y, { x }), expected)
      },
    )
    await fc.assert(property, few)
  })

  it('softmax and means go along the axis asked for', async () => {
    const property = fc.asyncProperty(
      fc.array(size, { minLength: 1, maxLength: 4 }),
      fc.nat(3),
      async (full, n) => {
        const axis = n % full.length
        const x = randomArray(full, 4)
        const mean = ops.reduceMean(ops.softmax(leaf('x', x), axis), axis)
        const length = full[axis] as number
        expectClose(
          await one(mean, { x }),
          array(full.toSpliced(axis, 1), () => 1 / length),
        )
        const input = leaf('x', x)
        const weighted = ops.reduceMean(ops.mul(ops.softmax(input, axis - full.length), input), axis)
        const expected = array(full.toSpliced(axis, 1), (...index) => {
          const value = (i: number): number => at(x, ...index.toSpliced(axis, 0, i))
          return (
            sum(length, i => Math.exp(value(i)) * value(i)) / sum(length, i => Math.exp(value(i))) / length
          )
        })
        expectClose(await one(weighted, { x }), expected)
      },
    )
    await fc.assert(property, few)
  })

  it('products broadcast their leading axes', async () => {
    const property = fc.asyncProperty(
      fc.array(size, { maxLength: 2 }),
      fc.tuple(size, size, size),
      fc.boolean(),
      async (batch, [m, k, n], shared) => {
        const a = randomArray([...batch, m, k], 5)
        const b = randomArray([...(shared ? [] : batch.map(() => 1)), k, n], 6)
        expectClose(
          await one(ops.matmul(leaf('a', a), leaf('b', b)), { a, b }),
          array([...batch, m, n], (...index) => {
            const lead = index.slice(0, -2)
            const [row, column] = index.slice(-2) as [number, number]
            return sum(k, i => at(a, ...lead, row, i) * at(b, ...lead, i, column))
          }),
        )
      },
    )
    await fc.assert(property, few)
  })
})
