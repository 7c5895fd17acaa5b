import { describe, expect, it } from 'vitest'
import { grad } from '../../src/grad/grad.ts'
import type { Dimension } from '../../src/graph/dimension.ts'
import { nodesOf } from '../../src/graph/graph.ts'
import * as ops from '../../src/graph/ops.ts'
import { print } from '../../src/graph/print.ts'
import { GraphError, scoped, type Tensor } from '../../src/graph/tensor.ts'
import { runGraph, toValue } from '../onnx/run-graph.ts'
import { expectSlopes } from './check.ts'

const x = (...shape: Dimension[]): Tensor => ops.input('x', 'float32', shape)
const w = (...shape: Dimension[]): Tensor => ops.input('w', 'float32', shape)
const total = (y: Tensor): Tensor => ops.reduceSum(y, [...y.shape.keys()])
const vector = (...data: number[]): ReturnType<typeof toValue> => toValue({ shape: [data.length], data })

describe('the gradient of one number', () => {
  it('of a small MLP is what one would write by hand', () => {
    const [a, w1, w2] = [x('S', 4), w(8, 4), ops.input('w2', 'float32', [1, 8])]
    const inner = scoped('mlp', () => ops.relu(ops.gemm(a, w1)))
    const y = scoped('mlp.out', () => total(ops.gemm(inner, w2)))
    const [dw1] = grad(y, [w1])
    expect(print({ outputs: { y, dw1: dw1! } })).toMatchInlineSnapshot(`
      "(x: float32[S,4], w: float32[8,4], w2: float32[1,8])
        # mlp
        %0: float32[S,8] = Gemm(x, w, transB=1)
        %1: float32[S,8] = Relu(%0)
        # mlp.out
        %2: float32[S,1] = Gemm(%1, w2, transB=1)
        %3: float32[1,1] = ReduceSum(%2, [0,1], keepdims=1)
        # mlp.out/gradient
        %4: int64[1] = Shape(%2, start=0, end=1)
        %5: int64[2] = Concat(%4, [1], axis=0)
        %6: float32[S,1] = Expand([1], %5)
        %7: float32[S,8] = MatMul(%6, w2)
        # mlp/gradient
        %8: float32[S,8] = Sign(%1)
        %9: float32[S,8] = Mul(%7, %8)
        %10: float32[8,S] = Transpose(%9, perm=[1,0])
        %11: float32[8,4] = MatMul(%10, x)
        return y = %3, dw1 = %11"
    `)
  })

  it('asks for nothing that only its other inputs need', () => {
    const [a, b] = [x(2, 4), w(4, 3)]
    const [da] = grad(total(ops.matmul(a, b)), [a])
    const kinds = nodesOf({ outputs: { da: da! } }).map(node => node.kind)
    expect(kinds.filter(kind => kind === 'MatMul')).toHaveLength(1)
  })

  it('is 1 by itself', async () => {
    const y = x(1)
    expect((await runGraph({ g: grad(y, [y])[0]! })).g).toEqual({ shape: [1], data: [1] })
  })

  it('may be taken by several tensors at once, some of them computed from others', async () => {
    const a = x(2)
    const squares = ops.mul(a, a)
    const y = total(ops.mul(squares, a))
    const [da, dsquares] = grad(y, [a, squares])
    const found = await runGraph({ da: da!, dsquares: dsquares! }, { x: vector(2, -3) })
    expect(found).toEqual({ da: { shape: [2], data: [12, 27] }, dsquares: { shape: [2], data: [2, -3] } })
  })

  it('stops at the tensors it is taken by', () => {
    const inner = scoped('below', () => ops.tanh(x('S', 3)))
    const [g] = grad(total(ops.mul(inner, inner)), [inner])
    const below = nodesOf({ outputs: { g: g! } }).filter(node => node.scope === 'below/gradient')
    expect(below.map(node => node.kind)).toEqual(['Add'])
  })

  it('adds up what reaches a tensor on several ways', async () => {
    await expectSlopes(
      {
        inputs: { a: ['S', 3], b: [3, 3] },
        build: ({ a, b }) => {
          const turned = ops.matmul(a!, b!)
          return ops.add(ops.mul(turned, a!), ops.softmax(ops.add(turned, ops.matmul(turned, b!))))
        },
      },
      { S: 4 },
    )
  })

  it('follows every part of a result that is used in parts', async () => {
    await expectSlopes(
      {
        inputs: { a: ['S', 6] },
        build: ({ a }) =>
          ops.mul(ops.slice(a!, 1, 0, 3), ops.concat([ops.slice(a!, 1, -1), ops.slice(a!, 1, 2, 4)], 1)),
      },
      { S: 3 },
    )
  })

  it('lets nothing through whole numbers', async () => {
    const a = x('S')
    const rounded = ops.cast(ops.cast(a, 'int64'), 'float32')
    const size = ops.cast(ops.runtimeSize('S', a), 'float32')
    const [da] = grad(total(ops.mul(a, ops.add(rounded, size))), [a])
    expect((await runGraph({ da: da! }, { x: vector(1.5, 2.5, -3.5) })).da?.data).toEqual([4, 5, 0])
  })
})

describe('gradients are built', () => {
  it('under the scope of the part they are of', () => {
    const a = x('S', 4)
    const hidden = scoped('model.layers.0.mlp', () => ops.tanh(a))
    const y = scoped('model.norm', () => ops.rmsNormalization(hidden, w(4), 1e-5))
    const [da] = grad(total(ops.add(y, hidden)), [a])
    const forward = new Set(nodesOf({ outputs: { y } }))
    const made = nodesOf({ outputs: { da: da! } }).filter(node => !forward.has(node))
    expect([...new Set(made.map(node => node.scope))].sort()).toEqual([
      '',
      'gradient',
      'model.layers.0.mlp/gradient',
      'model.norm/gradient',
    ])
  })

  it('for graphs deeper than the call stack', () => {
    const a = x(1)
    let y = a
    for (let i = 0; i < 20_000; i++) y = ops.neg(y)
    expect(nodesOf({ outputs: { g: grad(y, [a])[0]! } })).toHaveLength(20_001)
  })

  it('without computing anything again that the forward pass has', () => {
    const a = x('S', 4)
    const y = ops.softmax(ops.sigmoid(ops.tanh(ops.exp(ops.sqrt(a)))))
    const [da] = grad(total(y), [a])
    const kinds = nodesOf({ outputs: { y, da: da! } }).map(node => node.kind)
    for (const kind of ['Softmax', 'Sigmoid', 'Tanh', 'Exp', 'Sqrt']) {
      expect(
        kinds.filter(one => one === kind),
        kind,
      ).toHaveLength(1)
    }
  })
})

describe('refused is', () => {
  it.each<[what: string, build: () => unknown, message: string]>([
    ['more than one number', () => grad(x(2), [x(2)]), 'grad: expected one float32 number, found float32[2]'],
    ['a named size', () => grad(x('S'), []), 'grad: expected one float32 number, found float32[S]'],
    [
      'a whole number',
      () => grad(ops.input('n', 'int64', []), []),
      'grad: expected one float32 number, found int64[]',
    ],
    [
      'what the result does not depend on',
      () => grad(total(ops.neg(x(2))), [w(3)]),
      'grad: ReduceSum [1] does not depend on w [3]',
    ],
    [
      'what it depends on by whole numbers alone',
      () => {
        const a = x(2)
        return grad(total(ops.cast(ops.cast(a, 'int64'), 'float32')), [a])
      },
      'grad: ReduceSum [1] does not depend on x [2]',
    ],
    [
      'an operator without a gradient on the way, which is named from end to end',
      () => {
        const [table, other] = [x(9, 3), w(3)]
        const rows = scoped('model.embed_tokens', () =>
          ops.gather(ops.tanh(table), ops.constant([1, 2], 'int64', [2])),
        )
        return grad(total(ops.mul(rows, other)), [table, other])
      },
      'grad: Gather has no gradient, on the way from x [9,3] to ReduceSum [1,1], at model.embed_tokens',
    ],
    [
      'one whose other results are used',
      () => {
        const a = x('P+S')
        const [, second] = ops.splitLike(a, 0, [w('P'), ops.input('v', 'float32', ['S'])])
        return grad(total(second!), [a])
      },
      'grad: Split has no gradient, on the way from x [P+S] to ReduceSum [1]',
    ],
    [
      'fused attention over a cache',
      () => {
        const [q, past] = [x(1, 'S', 8), w(1, 1, 'P', 8)]
        const [last, all] = [ops.input('last', 'int32', [1]), ops.input('all', 'int32', [])]
        const options = { heads: 1, kvHeads: 1, scale: 1 }
        return grad(total(ops.groupQueryAttention(q, q, q, past, past, last, all, options)[0]), [q])
      },
      'grad: GroupQueryAttention over a cache has no gradient, at gradient',
    ],
  ])('%s', (_, build, message) => {
    expect(build).toThrow(new GraphError(message))
  })
})
