import { beforeAll, describe, expect, it } from 'vitest'
import { Context } from '../../src/decode/context.ts'
import { decodeImage } from '../../src/image/decode-node.ts'
import type { Looker } from '../../src/importance/method.ts'
import type { Mllm } from '../../src/mllm.ts'
import { Picture } from '../../src/picture.ts'
import { View } from '../../src/view.ts'
import {
  cases,
  type ExpectedQuestion,
  picturePath,
  readArrays,
  readExpected,
  relativeError,
} from './fixtures.ts'
import { useModel } from './open.ts'

// The reference differentiates the whole model at once; here it goes back layer by layer, over the cached keys and values.

/** Of float32 against float32, through every layer and back. */
const tolerance = 1e-4

describe.each(cases)('LLaVA checkpoint %s: pixel gradients equal the reference', name => {
  const expected = readExpected(name)
  const arrays = readArrays(name)
  const model = useModel(name)
  let mllm: Mllm
  beforeAll(() => {
    mllm = model()
  })

  describe.each([
    ['wide', 0],
    ['wide', 1],
    ['tall', 0],
    ['tall', 1],
  ] as const)('on the %s picture, question %i', (key, i) => {
    const question = expected.pictures[key].questions[i] as ExpectedQuestion
    let looker: (target: number | null) => Looker
    let picture: Picture
    beforeAll(async () => {
      const image = await decodeImage(picturePath(key))
      const view = await View.see(mllm, image)
      const context = new Context(mllm.decoder)
      looker = target => view.looker(context, { question: question.question, target, signal: undefined })
      picture = await Picture.see(mllm, image)
    })

    it.each([null, question.token])('in dv/dx of every pixel, target %s', async target => {
      const reference = arrays(`${key}.questions.${i}.pixel_gradient`).data
      const [gradient] = await looker(target).pixelGradient()
      expect(relativeError(gradient as Float32Array, reference)).toBeLessThan(tolerance)
    })

    it('in that under the general prompt', async () => {
      const reference = arrays(`${key}.general.pixel_gradient`).data
      const [gradient] = await looker(null).generalPixelGradient()
      expect(relativeError(gradient as Float32Array, reference)).toBeLessThan(tolerance)
    })

    it.each(['paper', 'code'] as const)('in the map and the crop, variant %s', async variant => {
      const look = await picture.look(question.question, { method: 'pure-grad', variant })
      const reference = arrays(`${key}.questions.${i}.pure_gradient.${variant}`).data
      expect(relativeError(look.importance?.values as Float32Array, reference)).toBeLessThan(tolerance)
      const { box, reason } = question.pureGradientCrops[variant]
      expect(look).toMatchObject({ crop: box, cropReason: reason, variant, layers: [] })
    })

    it('also after the plain answer, whose prefill it goes back through', async () => {
      const asked = await picture.ask(question.question, { method: 'pure-grad' })
      expect(asked.crop).toEqual(question.pureGradientCrops.paper.box)
      const plain = await picture.ask(question.question, { method: 'none' })
      expect(asked.plainAnswer).toBe(plain.answer)
    })
  })
})
