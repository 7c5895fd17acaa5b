import { onnx } from 'onnx-proto'
import { describe, expect, it } from 'vitest'
import * as ops from '../../src/graph/ops.ts'
import { type Attribute, makeNode, resultOf, scoped, type Tensor } from '../../src/graph/tensor.ts'
import { compile } from '../../src/onnx/model.ts'
import { integerField, messageField, packedIntegersField } from '../../src/onnx/protobuf.ts'

// Models are read back with onnx-proto, which is made from the ONNX project's own definition of the format.

/** As onnx-proto has it, with 64-bit integers as text and without what was not written. */
type Fields = Record<string, unknown>
interface Model extends Fields {
  graph: Record<'node' | 'input' | 'output' | 'initializer', Fields[]> & { name: string }
}

const readModel = (bytes: Uint8Array): Model =>
  onnx.ModelProto.toObject(onnx.ModelProto.decode(bytes), {
    longs: String,
    bytes: Array,
    enums: String,
  }) as Model

const compiled = (outputs: Record<string, Tensor>): Model => readModel(compile({ outputs }))

const x = ops.input('x', 'float32', ['B', 'S-1', 8])
const weight = (name: string, offset = 1024): Tensor =>
  ops.weight({ name, file: 'blobs/1f/2e', offset, length: 128 }, 'bfloat16', [4, 16])

/** A node of no real operator, for what the writer does with its parts. */
function node(
  results: number,
  attributes: Record<string, Attribute>,
  inputs: (Tensor | null)[] = [x],
): Tensor[] {
  const result = { dtype: 'float32', shape: [1] } as const
  const made = makeNode(
    'GroupQueryAttention',
    inputs,
    attributes,
    Array.from({ length: results }, () => result),
  )
  return made.results.map((_, i) => resultOf(made, i))
}

describe('a model', () => {
  it('says which format and operator sets it is written in', () => {
    const { irVersion, producerName, opsetImport, graph } = compiled({ y: ops.neg(x) })
    expect({ irVersion, producerName, opsetImport, name: graph.name }).toEqual({
      irVersion: '11',
      producerName: 'vicrop',
      opsetImport: [
        { domain: '', version: '23' },
        { domain: 'com.microsoft', version: '1' },
      ],
      name: 'vicrop',
    })
  })

  it('has inputs and outputs with types, constant sizes and named ones', () => {
    const ids = ops.input('ids', 'int64', ['S'])
    const total = ops.input('total', 'int32', [])
    const { graph } = compiled({ rows: ops.gather(x, ids, 1), sum: ops.add(total, total) })
    const info = (name: string, elemType: number, dim: Fields[]): Fields => ({
      name,
      type: { tensorType: { elemType, shape: dim.length === 0 ? {} : { dim } } },
    })
    expect(graph.input).toEqual([
      info('x', 1, [{ dimParam: 'B' }, { dimParam: 'S-1' }, { dimValue: '8' }]),
      info('ids', 7, [{ dimParam: 'S' }]),
      info('total', 6, []),
    ])
    expect(graph.output).toEqual([
      info('rows', 1, [{ dimParam: 'B' }, { dimParam: 'S' }, { dimValue: '8' }]),
      info('sum', 6, []),
    ])
  })

  it('says of a weight in which file it lies, and where', () => {
    const { graph } = compiled({ y: ops.neg(weight('language_model.lm_head.weight')) })
    expect(graph.initializer).toEqual([
      {
        dims: ['4', '16'],
        dataType: 16,
        name: 'language_model.lm_head.weight',
        externalData: [
          { key: 'location', value: 'blobs/1f/2e' },
          { key: 'offset', value: '1024' },
          { key: 'length', value: '128' },
        ],
        dataLocation: 'EXTERNAL',
      },
    ])
  })

  it('points beyond four gigabytes', () => {
    const { graph } = compiled({ y: ops.neg(weight('w', 5 * 2 ** 30 + 3)) })
    expect(graph.initializer[0]?.externalData).toContainEqual({ key: 'offset', value: '5368709123' })
  })

  it('holds constants as bytes', () => {
    const { graph } = compiled({
      y: ops.add(ops.constant([-2], 'int64', [1]), ops.constant([1], 'int64', [])),
    })
    const constant = (name: string, dims: Fields, rawData: number[]): Fields => ({
      ...dims,
      dataType: 7,
      name,
      rawData,
    })
    expect(graph.initializer).toEqual([
      constant('/Constant', { dims: ['1'] }, [254, 255, 255, 255, 255, 255, 255, 255]),
      constant('/Constant_1', {}, [1, 0, 0, 0, 0, 0, 0, 0]),
    ])
  })

  it('names nodes by scope, kind and number, and tensors after their nodes', () => {
    const y = scoped('model.layers.3.mlp', () => ops.neg(ops.relu(ops.neg(x))))
    const { graph } = compiled({ y: ops.add(y, x) })
    expect(graph.node).toEqual([
      {
        input: ['x'],
        output: ['model.layers.3.mlp/Neg'],
        name: 'model.layers.3.mlp/Neg',
        opType: 'Neg',
        domain: '',
      },
      {
        input: ['model.layers.3.mlp/Neg'],
        output: ['model.layers.3.mlp/Relu'],
        name: 'model.layers.3.mlp/Relu',
        opType: 'Relu',
        domain: '',
      },
      {
        input: ['model.layers.3.mlp/Relu'],
        output: ['model.layers.3.mlp/Neg_1'],
        name: 'model.layers.3.mlp/Neg_1',
        opType: 'Neg',
        domain: '',
      },
      { input: ['model.layers.3.mlp/Neg_1', 'x'], output: ['y'], name: 'y', opType: 'Add', domain: '' },
    ])
  })

  it('writes every type of attribute', () => {
    const [y] = node(1, { whole: -1, real: { float: 0.5 }, text: 'tänh', list: [3, -4, 0], none: [] }) as [
      Tensor,
    ]
    expect(compiled({ y }).graph.node[0]?.attribute).toEqual([
      { name: 'whole', i: '-1', type: 'INT' },
      { name: 'real', f: 0.5, type: 'FLOAT' },
      { name: 'text', s: [...new TextEncoder().encode('tänh')], type: 'STRING' },
      { name: 'list', ints: ['3', '-4', '0'], type: 'INTS' },
      { name: 'none', type: 'INTS' },
    ])
  })

  it('leaves out an optional input in the middle', () => {
    const [y] = node(1, {}, [x, null, x]) as [Tensor]
    expect(compiled({ y }).graph.node[0]?.input).toEqual(['x', '', 'x'])
  })

  it('gives operators outside the standard their domain', () => {
    const [y] = node(1, {}) as [Tensor]
    expect(compiled({ y }).graph.node[0]?.domain).toBe('com.microsoft')
  })
})

describe('an output', () => {
  const copies = ({ graph }: Model): Fields[] =>
    graph.node.filter(({ opType }) => opType === 'Identity').map(({ input, output }) => ({ input, output }))
  const names = ({ graph }: Model): unknown[] => graph.output.map(({ name }) => name)

  it('that is another output too is copied', () => {
    const y = ops.neg(x)
    const model = compiled({ first: y, second: y })
    expect(names(model)).toEqual(['first', 'second'])
    expect(copies(model)).toEqual([{ input: ['first'], output: ['second'] }])
  })

  it('that is an input under another name is copied', () => {
    const model = compiled({ y: x })
    expect(copies(model)).toEqual([{ input: ['x'], output: ['y'] }])
  })

  it('that is a weight is copied, whatever it is called', () => {
    expect(copies(compiled({ w: weight('w') }))).toEqual([{ input: ['w_1'], output: ['w'] }])
    expect(copies(compiled({ y: weight('w') }))).toEqual([{ input: ['w'], output: ['y'] }])
  })

  it('keeps its name where a weight or a node is called so too', () => {
    const model = compiled({ w: ops.neg(ops.add(weight('w'), weight('w_1'))) })
    expect(model.graph.initializer.map(({ name }) => name)).toEqual(['w_1', 'w_1_1'])
    expect(model.graph.node.map(({ output }) => output)).toEqual([['/Add'], ['w']])
  })

  it('can be any result of a node with several', () => {
    const [first, second, third] = node(3, {}) as [Tensor, Tensor, Tensor]
    expect(compiled({ third, first }).graph.node.map(({ output }) => output)).toEqual([
      ['first', '/GroupQueryAttention:1', 'third'],
    ])
    const { graph } = compiled({ y: ops.add(second, third) })
    expect(graph.node.map(({ input, output }) => [input, output])).toEqual([
      [['x'], ['/GroupQueryAttention', '/GroupQueryAttention:1', '/GroupQueryAttention:2']],
      [['/GroupQueryAttention:1', '/GroupQueryAttention:2'], ['y']],
    ])
  })

  it('is refused where its name is that of an input', () => {
    expect(() => compile({ outputs: { x: ops.neg(x) } })).toThrow(
      'graph: "x" names an input and another output. Give the output another name.',
    )
    expect(compiled({ x }).graph.node).toBeUndefined()
  })
})

it('two inputs of one name are refused', () => {
  const again = ops.input('x', 'float32', ['B', 'S-1', 8])
  expect(() => compile({ outputs: { y: ops.add(x, again) } })).toThrow(
    'graph: two inputs are named "x". Make it once and use it twice.',
  )
})

it('integers of up to 64 bits are written in full', () => {
  const read = (value: number | bigint): unknown => {
    const attribute = onnx.AttributeProto.decode(integerField(3, value))
    return onnx.AttributeProto.toObject(attribute, { longs: String }).i
  }
  const edges = [
    0,
    1,
    127,
    128,
    16383,
    16384,
    2 ** 31,
    2 ** 32,
    2 ** 53 - 1,
    -1,
    -128,
    -(2 ** 31),
    1 - 2 ** 53,
  ]
  for (const value of edges) expect(read(value)).toBe(`${value}`)
  for (const value of [2n ** 63n - 1n, -(2n ** 63n)]) expect(read(value)).toBe(`${value}`)
})

it('a packed list and a message longer than one length byte are read back', () => {
  const sizes = Array.from({ length: 300 }, (_, i) => i * i * i * i)
  const tensor = onnx.TensorProto.decode(packedIntegersField(1, sizes))
  expect(onnx.TensorProto.toObject(tensor, { longs: String }).dims).toEqual(sizes.map(String))
  const graph = onnx.GraphProto.decode(messageField(5, [packedIntegersField(1, sizes)]))
  expect(graph.initializer[0]?.dims).toHaveLength(300)
})

it('a graph 20,000 nodes deep compiles', () => {
  let y = ops.input('y', 'float32', ['S'])
  for (let i = 0; i < 20_000; i++) y = ops.neg(y)
  const { graph } = readModel(compile({ outputs: { deep: y } }))
  expect(graph.node).toHaveLength(20_000)
  expect(graph.node.at(-1)).toMatchObject({ input: ['/Neg_19998'], output: ['deep'] })
})
