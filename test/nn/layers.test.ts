import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { formatShape } from '../../src/graph/dimension.ts'
import { input } from '../../src/graph/ops.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { type ActivationName, activationNames, activations } from '../../src/nn/activation.ts'
import { attend } from '../../src/nn/attention.ts'
import { linear } from '../../src/nn/linear.ts'
import { layerNorm, rmsNorm } from '../../src/nn/norm.ts'
import { type TensorStore, type Weights, weightsAt } from '../../src/nn/weights.ts'
import type { Session } from '../../src/onnx/session.ts'
import { openCheckpoint } from '../../src/weights/checkpoint-node.ts'
import { array, at, type NdArray, randomArray, sum } from '../onnx/array.ts'
import { openGraph, runGraph, toArray, toValue } from '../onnx/run-graph.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { writeSafetensors } from '../weights/write-safetensors.ts'

const sessions: Session[] = []
afterEach(() => Promise.all(sessions.splice(0).map(session => session.release())))

function expectClose(actual: NdArray, expected: NdArray): void {
  expect(actual.shape).toEqual(expected.shape)
  expected.data.forEach((value, i) => {
    expect(actual.data[i]).toBeCloseTo(value, 5)
  })
}

/** Runs `build` on x [2,3,4] with weights of given shapes in a file. */
async function run(
  shapes: Readonly<Record<string, readonly number[]>>,
  build: (x: Tensor, weights: Weights) => Tensor,
): Promise<{ x: NdArray; w: Record<string, NdArray>; y: NdArray }> {
  const w = Object.fromEntries(
    Object.entries(shapes).map(([name, shape], i) => [name, randomArray(shape, i + 7)]),
  )
  const folder = temporaryFolder()
  const tensors = Object.entries(w).map(([name, { shape, data }]) => [name, { dtype: 'F32', shape, data }])
  writeSafetensors(join(folder, 'model.safetensors'), Object.fromEntries(tensors))
  const checkpoint = await openCheckpoint(folder)
  const store: TensorStore = {
    has: name => checkpoint.tensors.has(name),
    find: name => ({ ...checkpoint.tensor(name), dtype: 'float32' }),
  }
  const x = randomArray([2, 3, 4], 1)
  const y = build(input('x', 'float32', ['B', 3, 4]), weightsAt(store, 'layer'))
  expect(y.node.scope).toBe('layer')
  const session = await openGraph({ y }, checkpoint.root)
  sessions.push(session)
  return { x, w, y: toArray((await session.run({ x: toValue(x) })).y!) }
}

describe('a linear layer', () => {
  const product = (x: NdArray, w: NdArray, i: number, j: number, n: number): number =>
    sum(4, k => at(x, i, j, k) * at(w, n, k))

  it('multiplies the last axis and adds a bias', async () => {
    const shapes = { 'layer.weight': [5, 4], 'layer.bias': [5] }
    const { x, w, y } = await run(shapes, (x, weights) => linear(x, weights, 5))
    expectClose(
      y,
      array([2, 3, 5], (i, j, n) => product(x, w['layer.weight']!, i, j, n) + at(w['layer.bias']!, n)),
    )
  })

  it('does without where the checkpoint has none', async () => {
    const { x, w, y } = await run({ 'layer.weight': [5, 4] }, (x, weights) => linear(x, weights, 5))
    expectClose(
      y,
      array([2, 3, 5], (i, j, n) => product(x, w['layer.weight']!, i, j, n)),
    )
  })
})

describe('a norm', () => {
  it('of layers has mean 0 and variance 1 before its weight and bias', async () => {
    const shapes = { 'layer.weight': [4], 'layer.bias': [4] }
    const { w, y } = await run(shapes, (x, weights) => layerNorm(x, weights, 1e-9))
    const plain = array([6, 4], (row, k) => {
      const value = y.data[row * 4 + k] as number
      return (value - at(w['layer.bias']!, k)) / at(w['layer.weight']!, k)
    })
    for (let row = 0; row < 6; row++) {
      expect(sum(4, k => at(plain, row, k))).toBeCloseTo(0, 4)
      expect(sum(4, k => at(plain, row, k) ** 2)).toBeCloseTo(4, 4)
    }
  })

  it('of root mean squares keeps directions', async () => {
    const { x, w, y } = await run({ 'layer.weight': [4] }, (x, weights) => rmsNorm(x, weights, 1e-9))
    for (let row = 0; row < 6; row++) {
      const scaled = [0, 1, 2, 3].map(k => y.data[row * 4 + k]! / at(w['layer.weight']!, k))
      expect(sum(4, k => scaled[k]! ** 2)).toBeCloseTo(4, 4)
      for (const k of [1, 2, 3]) {
        expect(scaled[k]! * x.data[row * 4]!).toBeCloseTo(scaled[0]! * x.data[row * 4 + k]!, 4)
      }
    }
  })
})

describe('attention written out', () => {
  const shapes = { q: [2, 3, 4], k: [2, 5, 4], v: [2, 5, 4] }
  const [q, k, v] = Object.entries(shapes).map(([name, shape]) => input(name, 'float32', shape)) as [
    Tensor,
    Tensor,
    Tensor,
  ]
  const feeds = Object.entries(shapes).map(([name, shape], i) => [name, randomArray(shape, i)] as const)

  it('weighs values by the softmax of scaled products', async () => {
    const { attended, probabilities } = attend(q, k, v, 0.3)
    const values = Object.fromEntries(feeds.map(([name, x]) => [name, toValue(x)]))
    const results = await runGraph({ attended, probabilities }, values)
    const [x, y, z] = feeds.map(([, array]) => array) as [NdArray, NdArray, NdArray]
    const weight = (h: number, s: number, t: number): number =>
      Math.exp(0.3 * sum(4, d => at(x, h, s, d) * at(y, h, t, d)))
    const expected = array([2, 3, 5], (h, s, t) => weight(h, s, t) / sum(5, u => weight(h, s, u)))
    expectClose(results.probabilities!, expected)
    expectClose(
      results.attended!,
      array([2, 3, 4], (h, s, d) => sum(5, t => at(expected, h, s, t) * at(z, h, t, d))),
    )
  })
})

describe('activations have the reference’s values', () => {
  // At -1, 0.5 and 3, by transformers' ACT2FN in float64.
  const table: Readonly<Record<ActivationName, readonly [number, number, number]>> = {
    gelu: [-0.15865525, 0.34573123, 2.9959503],
    gelu_new: [-0.15880801, 0.34571401, 2.9963626],
    gelu_pytorch_tanh: [-0.15880801, 0.34571401, 2.9963626],
    quick_gelu: [-0.15420423, 0.35038844, 2.9819287],
    relu: [0, 0.5, 3],
    silu: [-0.26894142, 0.31122967, 2.8577224],
    swish: [-0.26894142, 0.31122967, 2.8577224],
    tanh: [-0.76159416, 0.46211716, 0.99505475],
  }
  it.each(activationNames)('%s', async name => {
    const y = activations[name](input('x', 'float32', [3]))
    const { y: values } = await runGraph({ y }, { x: toValue({ shape: [3], data: [-1, 0.5, 3] }) })
    expectClose(values!, { shape: [3], data: table[name] })
  })
})

describe('weights', () => {
  const store: TensorStore = {
    has: name => name === 'model.layers.0.weight',
    find: name => {
      if (name !== 'model.layers.0.weight') throw new Error(`no ${name}`)
      return { name, file: 'a.safetensors', offset: 8, length: 96, dtype: 'bfloat16', shape: [4, 6] }
    },
  }
  const weights = weightsAt(store, '').at('model').at('layers.0')

  it('are found below a path, as the checkpoint names them', () => {
    expect(weights.path).toBe('model.layers.0')
    expect([weights.has('weight'), weights.has('bias')]).toEqual([true, false])
    const { dtype, shape, node } = weights.matrix('weight', [4, 6]) as Tensor
    expect([dtype, formatShape(shape)]).toEqual(['bfloat16', '[4,6]'])
    expect(node.value).toMatchObject({ name: 'model.layers.0.weight', file: 'a.safetensors', offset: 8 })
    expect(() => weights.get('bias', [4])).toThrow('no model.layers.0.bias')
  })

  it('are float32 for whoever computes with them, and so are the rows of a table', () => {
    expect(weights.get('weight', [4, 6]).dtype).toBe('float32')
    const { dtype, shape, node } = weights.rows('weight', [4, 6], input('ids', 'int64', ['S']))
    expect([dtype, formatShape(shape)]).toEqual(['float32', '[S,6]'])
    // Looked up first: the whole table is never made float32.
    expect([node.kind, node.inputs[0]?.node.kind]).toEqual(['Cast', 'Gather'])
  })

  it('can be regrouped', () => {
    expect(weights.get('weight', [4, 6], [2, 12]).shape).toEqual([2, 12])
    expect(() => weights.get('weight', [4, 6], [2, 10])).toThrow(
      'weight "model.layers.0.weight": [2,10] is no view of [4,6]',
    )
  })

  it('have the shape that the config says, or an error names both', () => {
    expect(() => weights.get('weight', [6, 4])).toThrow(
      'a.safetensors: tensor "model.layers.0.weight" has shape [4,6], the config asks for [6,4]. Is config.json of another checkpoint?',
    )
  })
})
