import { describe, expect, it } from 'vitest'
import { forwardTo } from '../../../src/grad/chain.ts'
import { type Mllm, promptFor } from '../../../src/mllm.ts'
import type { Prompt } from '../../../src/models/model.ts'
import { coordinatesOf } from '../../../src/models/qwen2/language.ts'
import { float32Value, floats } from '../../../src/onnx/session.ts'
import { useModelAt, usePicture } from '../open.ts'
import { expectClose, generalQuestion, idsOf, testAnswers, testAttention } from '../stages.ts'
import { cases, type ExpectedPrompt, modelPath, picturePath, readArrays, readExpected } from './fixtures.ts'

describe.each(cases)('Qwen checkpoint %s equals the reference', name => {
  const expected = readExpected(name)
  const model = useModelAt(modelPath(name))

  it('in the base window of the crop', () => {
    expect(model().model.inputSize).toBe(expected.base)
  })

  describe.each(Object.entries(expected.pictures))('on the %s picture', (key, { general, ...picture }) => {
    const seen = usePicture(model, picturePath(key))
    const arrays = readArrays(name).within(key)
    const { width, height, grid, questions } = picture

    it('in the pixel values and the grid', () => {
      const { pixelValues, geometry } = seen.mllm.model.vision.preprocess(seen.image)
      expectClose(pixelValues, arrays.get('pixel_values').data)
      expect(geometry).toEqual({ source: { width, height }, view: { x: 0, y: 0, width, height }, grid })
    })

    it('in token ids and positions, in the paper’s prompt as in the chat template', async () => {
      const encoded = await seen.encoded('')
      for (const promptStyle of ['plain', 'chat'] as const) {
        const mllm = { ...seen.mllm, promptStyle }
        expectPrompt(promptFor(mllm, generalQuestion, [encoded]), mllm, general)
        for (const { question, prompt } of questions)
          expectPrompt(promptFor(mllm, question, [encoded]), mllm, prompt)
      }
    })

    it('in what the vision encoder ends with, and in the image features', async () => {
      const { model, engine } = seen.mllm
      const chain = model.vision.encode()
      const last = Object.keys(chain.cuts).at(-2) as string
      const session = await engine.open(forwardTo(chain, [last]))
      const { pixelValues, shape, feeds } = model.vision.preprocess(seen.image)
      const outputs = await session.run({ ...feeds, pixel_values: float32Value(pixelValues, shape) })
      expectClose(floats(outputs, last), arrays.get('vision_hidden').data)
      expectClose((await seen.encoded('')).features.data, arrays.get('image_features').data)
      await session.release()
    })

    testAttention(seen, { arrays, questions })
    testAnswers(seen, { arrays, questions }, ({ i, crop, prompt }) => {
      expect(crop.geometry.grid).toEqual(questions[i]!.cropGrid)
      expectPrompt(prompt, seen.mllm, questions[i]!.withCropPrompt!)
    })
  })
})

function expectPrompt(prompt: Prompt, mllm: Mllm, { ids, positions }: ExpectedPrompt): void {
  expect(idsOf(prompt, mllm)).toEqual(ids)
  expect(coordinatesOf(prompt).map(axis => [...axis])).toEqual(positions)
}
