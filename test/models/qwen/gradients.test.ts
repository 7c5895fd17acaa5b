import { beforeAll, describe, expect, it } from 'vitest'
import { Context } from '../../../src/decode/context.ts'
import { positionsOf } from '../../../src/decode/prompt.ts'
import { type EncodedImage, encodeImage } from '../../../src/encode.ts'
import { decodeImage } from '../../../src/image/decode-node.ts'
import type { Image } from '../../../src/image/image.ts'
import { type Mllm, promptFor } from '../../../src/mllm.ts'
import type { Prompt } from '../../../src/models/model.ts'
import { Picture } from '../../../src/picture.ts'
import { View } from '../../../src/view.ts'
import { relativeError } from '../fixtures.ts'
import { gradientsByHead } from '../gradients-by-head.ts'
import { useModelAt } from '../open.ts'
import { cases, type ExpectedQuestion, modelPath, picturePath, readArrays, readExpected } from './fixtures.ts'

/** Of float32 against float32, through every layer and back. */
const tolerance = 1e-4

describe.each(cases)('Qwen checkpoint %s: gradients equal the reference', name => {
  const expected = readExpected(name)
  const arrays = readArrays(name)
  const model = useModelAt(modelPath(name))
  let mllm: Mllm
  let layers: number[]
  beforeAll(() => {
    mllm = model()
    layers = Array.from({ length: mllm.model.language.layers }, (_, i) => i)
  })

  const all = Object.entries(expected.pictures).flatMap(([key, { questions }]) =>
    questions.map((question, i): [string, number, ExpectedQuestion] => [key, i, question]),
  )
  describe.each(all)('on the %s picture, question %i', (key, i, question) => {
    let image: Image
    let encoded: EncodedImage
    let picture: Picture
    beforeAll(async () => {
      image = await decodeImage(picturePath(key))
      encoded = await encodeImage(mllm, image)
      picture = await Picture.see(mllm, image)
    })

    it.each([null, question.token])('in dv/dA of every layer and head, target %s', async target => {
      const prompt = promptFor(mllm, question.question, [encoded])
      const context = new Context(mllm.decoder)
      await context.hold(prompt.slice(0, -1))
      const options = { reading: gradientsByHead, target }
      const rows = await context.probe(prompt.at(-1) as Prompt[number], layers, options)
      const at = positionsOf(prompt, encoded.features)
      const { data, shape } = arrays(`${key}.questions.${i}.attention_gradient`)
      const [, heads, tokens] = shape as [number, number, number]
      const ofImage = Float32Array.from(rows.flatMap(row => at.map(position => row[position] as number)))
      const perLayer = heads * tokens
      for (const layer of layers) {
        const part = (whole: Float32Array): Float32Array =>
          whole.subarray(layer * perLayer, (layer + 1) * perLayer)
        expect(relativeError(part(ofImage), part(data)), `layer ${layer}`).toBeLessThan(tolerance)
      }
    })

    it('in the gradient-weighted attention and the crop of each layer and of all', async () => {
      const { data, shape } = arrays(`${key}.questions.${i}.gradient_attention`)
      const cells = shape[1] as number
      for (const layer of layers) {
        const look = await picture.look(question.question, { method: 'grad-att', layers: [layer] })
        const row = data.subarray(layer * cells, (layer + 1) * cells)
        expect(relativeError(look.importance?.values as Float32Array, row)).toBeLessThan(tolerance)
        const { box, reason } = question.gradientCrops.layers[layer]!
        expect(look).toMatchObject({ crop: box, cropReason: reason })
      }
      const together = await picture.look(question.question, { method: 'grad-att', layers })
      expect(together.crop).toEqual(question.gradientCrops.mean.box)
    })

    it('in dv/dx of every pixel, under the question and under the general prompt', async () => {
      const view = await View.see(mllm, image)
      const context = new Context(mllm.decoder)
      const looker = view.looker(context, { question: question.question, target: null, signal: undefined })
      const [gradient] = await looker.pixelGradient()
      const reference = arrays(`${key}.questions.${i}.pixel_gradient`).data
      expect(relativeError(gradient as Float32Array, reference)).toBeLessThan(tolerance)
      const [general] = await looker.generalPixelGradient()
      expect(
        relativeError(general as Float32Array, arrays(`${key}.general.pixel_gradient`).data),
      ).toBeLessThan(tolerance)
    })

    it.each(['paper', 'code'] as const)('in the input gradient’s map and crop, variant %s', async variant => {
      const look = await picture.look(question.question, { method: 'pure-grad', variant })
      const reference = arrays(`${key}.questions.${i}.pure_gradient.${variant}`).data
      expect(relativeError(look.importance?.values as Float32Array, reference)).toBeLessThan(tolerance)
      const { box, reason } = question.pureGradientCrops[variant]
      expect(look).toMatchObject({ crop: box, cropReason: reason, variant })
    })
  })
})
