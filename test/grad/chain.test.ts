import { expect, it } from 'vitest'
import { backwardPass } from '../../src/backward.ts'
import { backwardSteps, type Chain } from '../../src/grad/chain.ts'
import { grad } from '../../src/grad/grad.ts'
import { evaluateDimension, sizeOf } from '../../src/graph/dimension.ts'
import { nodesOf, replace, replacements } from '../../src/graph/graph.ts'
import { add, exp, input, matmul, mul, reduceSum, sub, tanh } from '../../src/graph/ops.ts'
import { print } from '../../src/graph/print.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { float32Value } from '../../src/onnx/session.ts'
import { sessionCache } from '../../src/onnx/session-cache.ts'
import { openNodeEngine } from '../../src/onnx/session-node.ts'
import { openTinyLlama, tinyLlama } from '../decode/plain-llama.ts'
import { type NdArray, randomArray } from '../onnx/array.ts'
import { runGraph, toValue } from '../onnx/run-graph.ts'
import { temporaryFolder } from '../weights/temporary.ts'

const x = input('x', 'float32', ['S', 3])
const w = input('w', 'float32', [3, 3])
const a = tanh(matmul(x, w))
const b = add(a, mul(exp(a), a))
/** Computed from two cuts, the later of which is computed from the earlier one. */
const c = sub(matmul(b, w), mul(a, a))
const v = reduceSum(mul(c, tanh(c)), [0, 1])
const chain: Chain = { cuts: { x, a, b, c, v } }

const feeds = { x: toValue(randomArray([4, 3], 1)), w: toValue(randomArray([3, 3], 2)) }

it('the steps of a chain give what the whole gives', async () => {
  const forward = await runGraph({ a, b, c, gradient: grad(v, [x])[0] as Tensor }, feeds)
  const sessions = sessionCache(openNodeEngine({ weightsRoot: '.', threads: 1 }))
  const values = { ...feeds, a: toValue(forward.a!), b: toValue(forward.b!), c: toValue(forward.c!) }
  const start = float32Value(Float32Array.of(1), [1, 1])
  const found = await backwardPass('test', chain, sessions).run(values, start)
  const expected = (forward.gradient as NdArray).data
  expect(found).toHaveLength(expected.length)
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 5)
  await sessions.release()
})

it('a step is computed from the cuts below it alone', () => {
  const steps = backwardSteps(chain)
  expect(steps.map(({ from, to }) => `${from} to ${to}`)).toEqual(['v to c', 'c to a,b', 'b to a', 'a to x'])
  expect(print(steps[1]!.graph)).toMatchInlineSnapshot(`
    "(gradient: float32[S,3], a: float32[S,3], w: float32[3,3])
      # gradient
      %0: float32[S,3] = Neg(gradient)
      %1: float32[S,3] = Mul(%0, a)
      %2: float32[S,3] = Mul(%0, a)
      %3: float32[S,3] = Add(%1, %2)
      %4: float32[3,3] = Transpose(w, perm=[1,0])
      %5: float32[S,3] = MatMul(gradient, %4)
      return gradient.a = %3, gradient.b = %5"
  `)
})

it('what is known is looked up, and the gradient goes through it all the same', () => {
  const known = input('known', 'float32', ['S', 3])
  const [, , , last] = backwardSteps({ cuts: chain.cuts, known: [[a, known]] })
  expect(print(last!.graph)).toMatchInlineSnapshot(`
    "(gradient: float32[S,3], known: float32[S,3], w: float32[3,3])
      # gradient
      %0: float32[S,3] = Mul(known, known)
      %1: float32[S,3] = Sub(1, %0)
      %2: float32[S,3] = Mul(gradient, %1)
      %3: float32[3,3] = Transpose(w, perm=[1,0])
      %4: float32[S,3] = MatMul(%2, %3)
      return gradient.x = %4"
  `)
})

it('what is replaced is so wherever it is used', () => {
  const y = input('y', 'float32', ['S', 3])
  const [of, untouched] = replace([b, w], replacements([[a, y]]))
  expect(print({ outputs: { of: of as Tensor } })).toMatchInlineSnapshot(`
    "(y: float32[S,3])
      %0: float32[S,3] = Exp(y)
      %1: float32[S,3] = Mul(%0, y)
      %2: float32[S,3] = Add(y, %1)
      return of = %2"
  `)
  expect(untouched).toEqual(w)
  expect(replace([a], replacements([[a, y]]))).toEqual([y])
})

it('a pass that is called off runs no further step', async () => {
  const sessions = sessionCache(openNodeEngine({ weightsRoot: '.', threads: 1 }))
  const pass = backwardPass('test', chain, sessions)
  const values = { ...feeds, c: float32Value(new Float32Array(12), [4, 3]) }
  const signal = AbortSignal.abort(new Error('enough'))
  const run = pass.run(values, float32Value(Float32Array.of(1), [1, 1]), { signal })
  await expect(run).rejects.toThrow('enough')
  await sessions.release()
})

it('no result on the way back through a prompt is of all heads times all positions times all positions', async () => {
  const llama = tinyLlama({ num_attention_heads: 6, num_key_value_heads: 2 })
  const sessions = await openTinyLlama(llama, temporaryFolder())
  const { cuts, known = [] } = sessions.language.unroll()
  const positions = 1000
  const results = backwardSteps({ cuts, known }).flatMap(({ graph }) =>
    nodesOf(graph).flatMap(node => node.results),
  )
  const sizes = results.map(({ shape }) => evaluateDimension(sizeOf(shape), { S: positions, P: positions }))
  expect(Math.max(...sizes)).toBe(positions ** 2)
  await sessions.release()
})
