import { describe, it } from 'vitest'
import { View } from '../../../src/view.ts'
import { useModelAt, usePicture } from '../open.ts'
import { expectClose, lookerOf, numbered, testGradients } from '../stages.ts'
import { cases, modelPath, picturePath, readArrays, readExpected } from './fixtures.ts'

describe.each(cases)('Qwen checkpoint %s: gradients equal the reference', name => {
  const { pictures } = readExpected(name)
  const model = useModelAt(modelPath(name))

  describe.each(Object.entries(pictures))('on the %s picture', (key, { questions }) => {
    const seen = usePicture(model, picturePath(key))
    const arrays = readArrays(name).within(key)
    testGradients(seen, { arrays, questions })

    it.each(numbered(questions))(
      'in dv/dx of every pixel, under question %i and under the general prompt',
      async (i, { question }) => {
        const looker = lookerOf(await View.see(seen.mllm, seen.image), seen.mllm, question, null)
        const [gradient] = await looker.pixelGradient()
        expectClose(gradient, arrays.get(`questions.${i}.pixel_gradient`).data)
        const [general] = await looker.generalPixelGradient()
        expectClose(general, arrays.get('general.pixel_gradient').data)
      },
    )
  })
})
