import { describe, expect, it } from 'vitest'
import type { Looker } from '../../../src/importance/method.ts'
import { View } from '../../../src/view.ts'
import { cases, modelPath, picturePath, readArrays, readExpected } from '../fixtures.ts'
import { useModelAt, usePicture } from '../open.ts'
import { expectClose, layersOf, lookerOf, numbered, testGradients } from '../stages.ts'

// The reference differentiates the whole model at once, prompt and all. Here gradients by attention are those of one
// position over the cache, which is what makes them cheap, and gradients by pixels go back layer by layer over it.

describe.each(cases)('LLaVA checkpoint %s: gradients equal the reference', name => {
  const { pictures } = readExpected(name)
  const model = useModelAt(modelPath(name))

  describe.each(['wide', 'tall'] as const)('on the %s picture', key => {
    const seen = usePicture(model, picturePath(key))
    const arrays = readArrays(name).within(key)
    const { questions } = pictures[key]
    testGradients(seen, { arrays, questions })

    describe.each(numbered(questions))('under question %i', (i, { question, token, pureGradientCrops }) => {
      const looker = async (target: number | null): Promise<Looker> =>
        lookerOf(await View.see(seen.mllm, seen.image), seen.mllm, question, target)

      it.each([null, token])('in dv/dx of every pixel, target %s', async target => {
        const [gradient] = await (await looker(target)).pixelGradient()
        expectClose(gradient, arrays.get(`questions.${i}.pixel_gradient`).data)
      })

      it('in that under the general prompt', async () => {
        const [gradient] = await (await looker(null)).generalPixelGradient()
        expectClose(gradient, arrays.get('general.pixel_gradient').data)
      })

      it('in the map of a target, which may be named by an answer', async () => {
        const picture = await seen.picture()
        const map = async (target?: number | string): Promise<Float32Array | undefined> => {
          const named = target === undefined ? {} : { target }
          const options = { method: 'grad-att', layers: layersOf(seen.mllm), ...named } as const
          return (await picture.look(question, options)).importance?.values
        }
        expect(await map(token)).toEqual(await map())
        const other = seen.mllm.tokenizer.encode('red', { bare: true })[0]
        expect(await map('red sign')).toEqual(await map(other))
        expect(await map('red')).not.toEqual(await map())
      })

      it('also after the plain answer, whose prefill it goes back through', async () => {
        const picture = await seen.picture()
        const asked = await picture.ask(question, { method: 'pure-grad' })
        expect(asked.crop).toEqual(pureGradientCrops.paper.box)
        const plain = await picture.ask(question, { method: 'none' })
        expect(asked.plainAnswer).toBe(plain.answer)
      })
    })
  })
})
