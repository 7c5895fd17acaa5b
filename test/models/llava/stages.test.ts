import { describe, expect, it } from 'vitest'
import type { EncodedImage } from '../../../src/encode.ts'
import { forwardTo } from '../../../src/grad/chain.ts'
import { nodesOf } from '../../../src/graph/graph.ts'
import type { Tensor } from '../../../src/graph/tensor.ts'
import { type Mllm, promptFor } from '../../../src/mllm.ts'
import { float32Value, floats } from '../../../src/onnx/session.ts'
import { cases, modelPath, picturePath, readArrays, readExpected } from '../fixtures.ts'
import { useModelAt, usePicture } from '../open.ts'
import { expectClose, idsOf, testAnswers, testAttention } from '../stages.ts'

describe.each(cases)('LLaVA checkpoint %s equals the reference', name => {
  const { prompts, pictures } = readExpected(name)
  const model = useModelAt(modelPath(name))

  it('in the token ids of every prompt', () => {
    const mllm = model()
    const image = blankImage(prompts.imageTokens)
    expect(idsOf(promptFor(mllm, prompts.general.question, [image]), mllm)).toEqual(prompts.general.ids)
    for (const { question, plain, withCrop, chat, chatWithCrop } of prompts.questions) {
      expect(idsOf(promptFor(mllm, question, [image]), mllm)).toEqual(plain.ids)
      expect(idsOf(promptFor(mllm, question, [image, image]), mllm)).toEqual(withCrop.ids)
      const chatting: Mllm = { ...mllm, promptStyle: 'chat' }
      if (chat !== undefined) expect(idsOf(promptFor(chatting, question, [image]), mllm)).toEqual(chat.ids)
      if (chatWithCrop !== undefined) {
        expect(idsOf(promptFor(chatting, question, [image, image]), mllm)).toEqual(chatWithCrop.ids)
      }
    }
  })

  describe.each(['wide', 'tall'] as const)('on the %s picture', key => {
    const seen = usePicture(model, picturePath(key))
    const arrays = readArrays(name).within(key)
    const reference = { arrays, questions: pictures[key].questions }

    it('in the pixel values', () => {
      const { pixelValues } = seen.mllm.model.vision.preprocess(seen.image)
      expectClose(pixelValues, arrays.get('pixel_values').data)
    })

    it('in the states that the projector reads', async () => {
      const { model, engine } = seen.mllm
      const graph = forwardTo(model.vision.encode(), ['image_features'])
      const first = nodesOf(graph).find(node => node.kind === 'Gemm' && node.scope.endsWith('linear_1'))
      const session = await engine.open({ outputs: { states: first?.inputs[0] as Tensor } })
      const { pixelValues, shape } = model.vision.preprocess(seen.image)
      const outputs = await session.run({ pixel_values: float32Value(pixelValues, shape) })
      expectClose(floats(outputs, 'states'), arrays.get('vision_hidden').data)
      await session.release()
    })

    it('in the image features', async () => {
      const { features } = await seen.encoded('')
      expectClose(features.data, arrays.get('image_features').data)
    })

    testAttention(seen, reference)
    testAnswers(seen, reference)
  })
})

function blankImage(rows: number): EncodedImage {
  const features = { rows, width: 0, data: new Float32Array(), grid: { rows: 1, columns: 1 } }
  const geometry = {
    source: { width: 1, height: 1 },
    view: { x: 0, y: 0, width: 1, height: 1 },
    grid: { rows: 1, columns: 1 },
  }
  const run = Array.from({ length: rows }, (_, row) => ({ features, row }))
  return { features, texts: ['', ''], runs: [run], geometry }
}
