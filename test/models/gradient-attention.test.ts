import { beforeAll, describe, expect, it } from 'vitest'
import { Context } from '../../src/decode/context.ts'
import { positionsOf } from '../../src/decode/prompt.ts'
import { type EncodedImage, encodeImage } from '../../src/encode.ts'
import { decodeImage } from '../../src/image/decode-node.ts'
import { type Mllm, promptFor } from '../../src/mllm.ts'
import type { Prompt } from '../../src/models/model.ts'
import { Picture } from '../../src/picture.ts'
import {
  type Array32,
  cases,
  type ExpectedQuestion,
  picturePath,
  readArrays,
  readExpected,
  relativeError,
} from './fixtures.ts'
import { gradientsByHead } from './gradients-by-head.ts'
import { useModel } from './open.ts'

// The reference differentiates the whole model, prompt and all; here it is one position over the cache. That both
// give the same is what makes gradient-weighted attention cheap.

/** Of float32 against float32. */
const tolerance = 1e-4

describe.each(cases)('LLaVA checkpoint %s: the gradient of one position is that of the whole model', name => {
  const expected = readExpected(name)
  const arrays = readArrays(name)
  const model = useModel(name)
  let mllm: Mllm
  let layers: number[]
  beforeAll(() => {
    mllm = model()
    layers = Array.from({ length: mllm.model.language.layers }, (_, i) => i)
  })

  describe.each([
    ['wide', 0],
    ['wide', 1],
    ['tall', 0],
    ['tall', 1],
  ] as const)('on the %s picture, question %i', (key, i) => {
    const question = expected.pictures[key].questions[i] as ExpectedQuestion
    let picture: Picture
    let encoded: EncodedImage
    beforeAll(async () => {
      const image = await decodeImage(picturePath(key))
      picture = await Picture.see(mllm, image)
      encoded = await encodeImage(mllm, image)
    })

    it.each([null, question.token])('in dv/dA of every layer and head, target %s', async target => {
      const prompt = promptFor(mllm, question.question, [encoded])
      const context = new Context(mllm.decoder)
      await context.hold(prompt.slice(0, -1))
      const options = { reading: gradientsByHead, target }
      const rows = await context.probe(prompt.at(-1) as Prompt[number], layers, options)
      const at = positionsOf(prompt, encoded.features)
      const ofImage = rows.flatMap(row => at.map(position => row[position] as number))
      const reference = arrays(`${key}.questions.${i}.attention_gradient`)
      const gradients = { shape: reference.shape, data: Float32Array.from(ofImage) }
      for (const layer of layers) expectClose(atLayer(gradients, layer), atLayer(reference, layer))
    })

    it('in the map of a target, which may be named by an answer', async () => {
      const map = async (target?: number | string): Promise<Float32Array | undefined> => {
        const options = { method: 'grad-att', layers, ...(target === undefined ? {} : { target }) } as const
        return (await picture.look(question.question, options)).importance?.values
      }
      expect(await map(question.token)).toEqual(await map())
      const other = mllm.tokenizer.encode('red', { bare: true })[0]
      expect(await map('red sign')).toEqual(await map(other))
      expect(await map('red')).not.toEqual(await map())
    })

    it('in the map and the crop of each layer and of all', async () => {
      const reference = arrays(`${key}.questions.${i}.gradient_attention`)
      const cells = encoded.geometry.grid.rows * encoded.geometry.grid.columns
      for (const layer of layers) {
        const look = await picture.look(question.question, { method: 'grad-att', layers: [layer] })
        const row = atLayer(reference, layer).slice(-cells)
        expectClose(look.importance?.values as Float32Array, row)
        const { box, reason } = question.gradientCrops.layers[layer]!
        expect(look).toMatchObject({ crop: box, cropReason: reason })
      }
      const look = await picture.look(question.question, { method: 'grad-att', layers })
      const { box, reason } = question.gradientCrops.mean
      expect(look).toMatchObject({ crop: box, cropReason: reason })
    })
  })
})

/** Of an array [L,...] what it has at a layer. */
function atLayer({ shape, data }: Array32, layer: number): Float32Array {
  const size = data.length / (shape[0] as number)
  return data.subarray(layer * size, (layer + 1) * size)
}

function expectClose(actual: Float32Array, expected: Float32Array): void {
  expect(relativeError(actual, expected)).toBeLessThan(tolerance)
}
