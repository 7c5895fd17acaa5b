import { describe, expect, it } from 'vitest'
import { formatShape } from '../../src/graph/dimension.ts'
import { inputsOf, nodesOf } from '../../src/graph/graph.ts'
import * as ops from '../../src/graph/ops.ts'
import { type DType, dimension, resultOf, scoped, type Tensor } from '../../src/graph/tensor.ts'
import { elementwise } from './ops/elementwise.ts'
import { fused } from './ops/fused.ts'
import { leaves } from './ops/leaves.ts'
import { products } from './ops/products.ts'
import { shape } from './ops/shape.ts'
import { type Cases, x } from './ops/tensors.ts'

const cases: Readonly<Record<keyof typeof ops, Cases>> = {
  ...leaves,
  ...elementwise,
  ...products,
  ...shape,
  ...fused,
}

const typeOf = ({ dtype, shape }: Tensor): string => `${dtype}${formatShape(shape)}`

describe.each(Object.entries(cases))('%s', (_, { gives, refuses = [] }) => {
  it.each(gives.map(([built, type]) => ({ built, type })))('gives $type', ({ built, type }) => {
    expect(typeOf(built())).toBe(type)
  })

  it.each(refuses.map(([built, message]) => ({ built, message })))(
    'refuses: $message',
    ({ built, message }) => {
      expect(messageOf(built)).toBe(message)
      const scope = 'language_model.layers.3.self_attn.q_proj'
      expect(messageOf(() => scoped(scope, built))).toBe(`${message}, at ${scope}`)
    },
  )
})

function messageOf(build: () => unknown): string {
  try {
    build()
  } catch (error) {
    expect((error as Error).name).toBe('GraphError')
    return (error as Error).message
  }
  return 'nothing was refused'
}

describe('an expression', () => {
  it('is left as it is where nothing would change', () => {
    const tensor = x('S', 8)
    expect(ops.cast(tensor, 'float32')).toBe(tensor)
    expect(ops.reshape(tensor, ['S', 8])).toBe(tensor)
    expect(ops.padTo(tensor, 1, 8)).toBe(tensor)
  })

  it('has the scope in which it was built, also after an error in an inner one', () => {
    const [inner, outer] = scoped('model', () => {
      expect(() => scoped('model.layers.0', () => ops.softmax(x(2), 5))).toThrow('at model.layers.0')
      return [scoped('model.layers.1', () => ops.neg(x(2))), ops.neg(x(2))]
    }) as [Tensor, Tensor]
    expect([inner.node.scope, outer.node.scope, ops.neg(x(2)).node.scope]).toEqual([
      'model.layers.1',
      'model',
      '',
    ])
  })

  it('names the axis that a tensor does not have', () => {
    expect(dimension(x('S', 8), -2)).toBe('S')
    expect(() => dimension(x('S', 8), 1.5)).toThrow('axis 1.5 is outside [S,8]')
    expect(() => dimension(x(), 0)).toThrow('axis 0 is outside []')
  })

  it('has no result that its node does not have', () => {
    expect(() => resultOf(ops.neg(x(2)).node, 1)).toThrow('Neg has no result 1')
  })

  it.each<[DType, number[], number[]]>([
    ['int64', [-1, 2 ** 40], [255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 1, 0, 0]],
    ['int32', [-2, 258], [254, 255, 255, 255, 2, 1, 0, 0]],
    ['float32', [1, -0.5], [0, 0, 128, 63, 0, 0, 0, 191]],
  ])('writes %s constants as little-endian bytes', (dtype, values, bytes) => {
    const { node } = ops.constant(values, dtype as 'int32', [2])
    expect([...(node.value as Uint8Array)]).toEqual(bytes)
  })

  it.each<DType>(['int64', 'int32', 'float32'])('reads %s constants as they were written', dtype => {
    expect(ops.constantValues(ops.constant([3, -70_000], dtype as 'int32', [2]))).toEqual([3, -70_000])
  })
})

describe('the nodes of a graph', () => {
  it('come once each, every node after its inputs', () => {
    const a = x('S', 8)
    const b = ops.neg(a)
    const c = ops.mul(ops.add(b, a), b)
    const nodes = nodesOf({ outputs: { c, b } })
    expect(nodes.map(node => node.kind)).toEqual(['Input', 'Neg', 'Add', 'Mul'])
    expect(inputsOf({ outputs: { c, b } }).map(typeOf)).toEqual(['float32[S,8]'])
  })

  it('leave out what no output needs', () => {
    const a = x('S')
    ops.neg(a)
    expect(nodesOf({ outputs: { a } })).toEqual([a.node])
  })

  it('are found in time that grows with the graph, however often a node is used', () => {
    let doubled = x(1)
    for (let i = 0; i < 20_000; i++) doubled = ops.add(doubled, doubled)
    expect(nodesOf({ outputs: { doubled } })).toHaveLength(20_001)
  })
})
