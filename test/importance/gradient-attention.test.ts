import { describe, expect, it } from 'vitest'
import { argMax, constant, input, matmul, reshape, softmax } from '../../src/graph/ops.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { gradientAttention, meanOfLayers } from '../../src/importance/gradient-attention.ts'
import type { Probe } from '../../src/models/model.ts'
import { array, at, type NdArray, randomArray, sum } from '../onnx/array.ts'
import { runGraph, toValue } from '../onnx/run-graph.ts'

const [heads, positions, vocabulary] = [2, 5, 7]
const scores = randomArray([heads, positions], 1)
const values = randomArray([heads * positions, vocabulary], 2)

/** A model of one layer: logits are attentions times values. */
function probe(): Probe {
  const attention = softmax(input('scores', 'float32', [1, heads, positions]))
  const logits = matmul(
    reshape(attention, [1, heads * positions]),
    input('values', 'float32', [heads * positions, vocabulary]),
  )
  return { attentions: [attention], logits }
}

/** The paper's formula by hand: dv/dA is, for each value, its entry for the target less the expected one. */
function byHand(target: number | 'likeliest'): number[] {
  const attention = array([heads, positions], (h, s) => {
    const all = sum(positions, t => Math.exp(at(scores, h, t)))
    return Math.exp(at(scores, h, s)) / all
  })
  const logits = Array.from({ length: vocabulary }, (_, v) =>
    sum(heads * positions, i => attention.data[i]! * at(values, i, v)),
  )
  const all = sum(vocabulary, v => Math.exp(logits[v]!))
  const token = target === 'likeliest' ? logits.indexOf(Math.max(...logits)) : target
  const gradient = (i: number): number =>
    at(values, i, token) - sum(vocabulary, v => (Math.exp(logits[v]!) / all) * at(values, i, v))
  const weighted = (i: number): number => attention.data[i]! * Math.max(gradient(i), 0)
  return Array.from({ length: positions }, (_, s) => sum(heads, h => weighted(h * positions + s)) / heads)
}

async function read(target: (logits: Tensor) => Tensor): Promise<NdArray> {
  const built = probe()
  const y = gradientAttention.build(built, [0], target(built.logits))
  const feeds = { scores: toValue({ ...scores, shape: [1, heads, positions] }), values: toValue(values) }
  return (await runGraph({ y }, feeds)).y as NdArray
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length)
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 6)
}

describe('gradient-weighted attention', () => {
  it.each([0, 3, 6])('is the attention that speaks for token %i, heads averaged', async target => {
    const { shape, data } = await read(() => constant([target], 'int64', [1]))
    expect(shape).toEqual([1, positions])
    expectClose(data, byHand(target))
  })

  it('of the likeliest token has that of the largest logit', async () => {
    expectClose((await read(argMax)).data, byHand('likeliest'))
  })

  it('of several layers is their mean', () => {
    const [a, b] = [Float32Array.of(1, 0, 0.5), Float32Array.of(3, 0, 0.25)]
    expect([...meanOfLayers([a, b])]).toEqual([2, 0, 0.375])
    expect([...meanOfLayers([a])]).toEqual([...a])
    expect([...a]).toEqual([1, 0, 0.5])
  })
})
