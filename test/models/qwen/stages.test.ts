import { beforeAll, describe, expect, it } from 'vitest'
import { Context } from '../../../src/decode/context.ts'
import { greedy } from '../../../src/decode/greedy.ts'
import { type EncodedImage, encodeCrop, encodeImage } from '../../../src/encode.ts'
import { forwardTo } from '../../../src/grad/chain.ts'
import { decodeImage } from '../../../src/image/decode-node.ts'
import { cropImage, type Image } from '../../../src/image/image.ts'
import { type Mllm, promptFor } from '../../../src/mllm.ts'
import type { Prompt } from '../../../src/models/model.ts'
import { coordinatesOf } from '../../../src/models/qwen2/language.ts'
import { float32Value, floats } from '../../../src/onnx/session.ts'
import { Picture } from '../../../src/picture.ts'
import { elementError, meanOverHeads, relativeError } from '../fixtures.ts'
import { useModelAt } from '../open.ts'
import {
  cases,
  type ExpectedPicture,
  type ExpectedQuestion,
  modelPath,
  picturePath,
  readArrays,
  readExpected,
} from './fixtures.ts'

/** Of float32 against float32: the stages differ by rounding alone. */
const tolerance = 1e-4

const generalQuestion = 'Write a general description of the image.'

describe.each(cases)('Qwen checkpoint %s equals the reference', name => {
  const expected = readExpected(name)
  const arrays = readArrays(name)
  const model = useModelAt(modelPath(name))
  let mllm: Mllm
  let layers: number[]
  beforeAll(() => {
    mllm = model()
    layers = Array.from({ length: mllm.model.language.layers }, (_, i) => i)
  })

  it('in the base window of the crop', () => {
    expect(mllm.model.inputSize).toBe(expected.base)
  })

  describe.each(Object.entries(expected.pictures))('on the %s picture', (key, reference) => {
    let image: Image
    let encoded: EncodedImage
    beforeAll(async () => {
      image = await decodeImage(picturePath(key))
      encoded = await encodeImage(mllm, image)
    })

    it('in the pixel values and the grid', () => {
      const { pixelValues, geometry } = mllm.model.vision.preprocess(image)
      expect(relativeError(pixelValues, arrays(`${key}.pixel_values`).data)).toBeLessThan(tolerance)
      expect(geometry).toEqual({
        source: { width: reference.width, height: reference.height },
        view: { x: 0, y: 0, width: reference.width, height: reference.height },
        grid: reference.grid,
      })
    })

    it('in token ids and positions, in the paper’s prompt as in the chat template', () => {
      const check = (mllm: Mllm, question: string, { ids, positions }: ExpectedPicture['general']): void => {
        const prompt = promptFor(mllm, question, [encoded])
        expect(idsOf(prompt, mllm)).toEqual(ids)
        expect(coordinatesOf(prompt).map(axis => [...axis])).toEqual(positions)
      }
      for (const promptStyle of ['plain', 'chat'] as const) {
        check({ ...mllm, promptStyle }, generalQuestion, reference.general)
        for (const { question, prompt } of reference.questions)
          check({ ...mllm, promptStyle }, question, prompt)
      }
    })

    it('in what the vision encoder ends with, and in the image features', async () => {
      const chain = mllm.model.vision.encode()
      const last = Object.keys(chain.cuts).at(-2) as string
      const session = await mllm.engine.open(forwardTo(chain, [last]))
      const { pixelValues, shape, feeds } = mllm.model.vision.preprocess(image)
      const outputs = await session.run({ ...feeds, pixel_values: float32Value(pixelValues, shape) })
      expect(relativeError(floats(outputs, last), arrays(`${key}.vision_hidden`).data)).toBeLessThan(
        tolerance,
      )
      expect(relativeError(encoded.features.data, arrays(`${key}.image_features`).data)).toBeLessThan(
        tolerance,
      )
      await session.release()
    })

    const questions = reference.questions.map((question, i): [string, string] => [
      `questions.${i}`,
      question.question,
    ])
    it.each([['general', generalQuestion], ...questions])(
      'in logits and every layer’s attention under prompt %s',
      async (prompt, question) => {
        const context = new Context(mllm.decoder)
        const positions = promptFor(mllm, question, [encoded])
        await context.hold(positions.slice(0, -1))
        const rows = await context.probe(positions.at(-1) as Prompt[number], layers)
        const attention = arrays(`${key}.${prompt}.attention`)
        const [, heads, width] = attention.shape as [number, number, number]
        for (const layer of layers) {
          const all = attention.data.subarray(layer * heads * width, (layer + 1) * heads * width)
          const mean = meanOverHeads({ data: all, shape: [heads, width] }, heads, width)
          expect(elementError(rows[layer] as Float32Array, mean), `layer ${layer}`).toBeLessThan(tolerance)
        }
        const logits = await context.append(positions.slice(-1))
        expect(relativeError(logits, arrays(`${key}.${prompt}.logits`).data)).toBeLessThan(tolerance)
      },
    )

    describe.each(reference.questions.map((question, i): [number, ExpectedQuestion] => [i, question]))(
      'under question %i',
      (i, question) => {
        it('in the relative attention and its crops', async () => {
          const picture = await Picture.see(mllm, image)
          const { data, shape } = arrays(`${key}.questions.${i}.relative_attention`)
          const cells = shape[1] as number
          for (const layer of layers) {
            const { importance, crop, cropReason } = await picture.look(question.question, {
              layers: [layer],
            })
            const row = data.subarray(layer * cells, (layer + 1) * cells)
            expect(relativeError(importance?.values as Float32Array, row)).toBeLessThan(tolerance)
            expect({ box: crop, reason: cropReason }).toMatchObject(
              boxAndReason(question.crops.layers[layer]),
            )
          }
          const all = await picture.look(question.question, { layers })
          expect(all.crop).toEqual(question.crops.mean.box)
        })

        it('in the answers, without and with the enlarged crop', async () => {
          const context = new Context(mllm.decoder)
          const plain = promptFor(mllm, question.question, [encoded])
          expect(await answer(context, plain, mllm)).toEqual(withoutEnd(question.plain.tokens, mllm))
          expect(mllm.tokenizer.decode(question.plain.tokens)).toBe(question.plain.text)
          const { box } = question.crops.mean
          if (box === null) return
          const crop = await encodeCrop(mllm, cropImage(image, box), image, 1000)
          expect(crop.geometry.grid).toEqual(question.cropGrid)
          const both = promptFor(mllm, question.question, [encoded, crop])
          expect(idsOf(both, mllm)).toEqual(question.withCropPrompt?.ids)
          expect(coordinatesOf(both).map(axis => [...axis])).toEqual(question.withCropPrompt?.positions)
          await context.hold(both.slice(0, -1))
          const logits = await context.append(both.slice(-1))
          const first = arrays(`${key}.questions.${i}.with_crop_logits`).data
          expect(relativeError(logits, first)).toBeLessThan(tolerance)
          expect(await answer(context, both, mllm)).toEqual(withoutEnd(question.withCrop.tokens, mllm))
        })

        it('in what is asked of a picture, end to end', async () => {
          const picture = await Picture.see(mllm, image)
          const asked = await picture.ask(question.question, { layers })
          const { box } = question.crops.mean
          expect(asked).toMatchObject({
            crop: box,
            plainAnswer: question.plain.text.trim(),
            answer: (box === null ? question.plain : question.withCrop).text.trim(),
          })
        })
      },
    )
  })
})

const boxAndReason = (crop: ExpectedQuestion['crops']['mean'] | undefined): object => ({
  box: crop?.box,
  reason: crop?.reason,
})

const idsOf = (prompt: Prompt, mllm: Mllm): number[] =>
  prompt.map(position => (typeof position === 'number' ? position : (mllm.model.imageTokenId as number)))

async function answer(context: Context, prompt: Prompt, mllm: Mllm): Promise<number[]> {
  const { maxPositions } = mllm.model.language
  const tokens: number[] = []
  const options = { maxNewTokens: 20, endTokenIds: mllm.endTokenIds, maxPositions }
  for await (const token of greedy(context, prompt, options)) tokens.push(token)
  return tokens
}

const withoutEnd = (tokens: readonly number[], mllm: Mllm): readonly number[] =>
  mllm.endTokenIds.includes(tokens.at(-1) as number) ? tokens.slice(0, -1) : tokens
