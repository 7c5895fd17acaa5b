import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { grad } from '../../src/grad/grad.ts'
import { evaluateDimension } from '../../src/graph/dimension.ts'
import { input, mul, reduceSum } from '../../src/graph/ops.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { load } from '../../src/load-node.ts'
import { cases, modelPath } from '../models/fixtures.ts'
import { type NdArray, randomArray } from '../onnx/array.ts'
import { toArray, toValue } from '../onnx/run-graph.ts'
import { dot, length, mapValues, slopeOf, step } from './check.ts'

// A whole model at once: from image features, by way of connector and vision tower, to pixels.

const cacheFolder = mkdtempSync(join(tmpdir(), 'vicrop-'))
afterAll(() => rmSync(cacheFolder, { recursive: true }))

it.each(cases)('the gradient of image features by pixels is their slope: %s', async name => {
  const { mllm } = await load(modelPath(name), { cacheFolder })
  const { pixel_values: pixels, image_features: features } = mllm.model.vision.encode().cuts as {
    pixel_values: Tensor
    image_features: Tensor
  }
  const w = input('w', 'float32', features.shape)
  const [gradient] = grad(reduceSum(mul(features, w), [0, 1, 2]), [pixels])
  const session = await mllm.engine.open({ outputs: { features, gradient: gradient as Tensor } })
  const sized = (x: Tensor): number[] => x.shape.map(size => evaluateDimension(size, { B: 2 }))
  const [start, direction, weights] = [pixels, pixels, w].map((x, i) => randomArray(sized(x), i)) as NdArray[]
  const run = async (steps: number): Promise<Record<string, NdArray>> => {
    const moved = start!.data.map((value, i) => value + steps * step * direction!.data[i]!)
    const feeds = { pixel_values: toValue({ ...start!, data: moved }), w: toValue(weights!) }
    return mapValues(await session.run(feeds), toArray)
  }
  const slope = await slopeOf(async steps => dot((await run(steps)).features!, weights!))
  const found = (await run(0)).gradient as NdArray
  expect(found.shape).toEqual(start!.shape)
  expect(Math.abs(dot(found, direction!) - slope) / (length(found) * length(direction!))).toBeLessThan(1e-4)
  await session.release()
  await mllm.release()
})
