import { describe, expect, it } from 'vitest'
import { View } from '../../../src/view.ts'
import { useModelAt, usePicture } from '../open.ts'
import { expectClose, lookerOf, numbered, testGradients } from '../stages.ts'
import { cases, modelPath, picturePath, readArrays, readExpected } from './fixtures.ts'

describe.each(cases)('checkpoint %s: gradients equal the reference', name => {
  const { pictures } = readExpected(name)
  const model = useModelAt(modelPath(name))

  const asked = Object.entries(pictures).filter(([, { questions }]) => questions.length > 0)
  describe.each(asked)('on the %s picture', (key, { questions, levels }) => {
    const seen = usePicture(model, picturePath(key))
    const arrays = readArrays(name).within(key)
    testGradients(seen, { arrays, questions })

    const kept = numbered(questions).filter(([i]) => arrays.has(`questions.${i}.pixel_gradient.0`))
    describe.each(kept)('under question %i', (i, { question }) => {
      it.each([1, 2, 100])('in dv/dx of every pixel, %i views at once', async views => {
        const limited = { ...seen.mllm, vision: { ...seen.mllm.vision, viewsAtOnce: () => views } }
        const view = await View.seeForGradients(limited, seen.image)
        const looker = lookerOf(view, limited, question, null)
        const [own, general] = [await looker.pixelGradient(), await looker.generalPixelGradient()]
        expect([own.length, general.length]).toEqual([levels, levels])
        for (const [level, gradient] of own.entries())
          expectClose(gradient, arrays.get(`questions.${i}.pixel_gradient.${level}`).data, `level ${level}`)
        for (const [level, gradient] of general.entries())
          expectClose(gradient, arrays.get(`general.pixel_gradient.${level}`).data, `level ${level}`)
      })
    })
  })
})
