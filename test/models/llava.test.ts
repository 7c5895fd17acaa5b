import { beforeAll, describe, expect, it } from 'vitest'
import { Context } from '../../src/decode/context.ts'
import { greedy } from '../../src/decode/greedy.ts'
import { type EncodedImage, encodeImage } from '../../src/encode.ts'
import { forwardTo } from '../../src/grad/chain.ts'
import { nodesOf } from '../../src/graph/graph.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { decodeImage } from '../../src/image/decode-node.ts'
import { cropImage, type Image } from '../../src/image/image.ts'
import { type Mllm, promptFor } from '../../src/mllm.ts'
import type { Prompt } from '../../src/models/model.ts'
import { float32Value, floats } from '../../src/onnx/session.ts'
import { Picture } from '../../src/picture.ts'
import {
  cases,
  elementError,
  meanOverHeads,
  picturePath,
  readArrays,
  readExpected,
  relativeError,
} from './fixtures.ts'
import { useModel } from './open.ts'

/** Of float32 against float32: the stages differ by rounding alone. */
const tolerance = 1e-4

describe.each(cases)('LLaVA checkpoint %s equals the reference', name => {
  const expected = readExpected(name)
  const arrays = readArrays(name)
  const model = useModel(name)
  let mllm: Mllm
  beforeAll(() => {
    mllm = model()
  })

  it('in the token ids of every prompt', async () => {
    const image = blankImage(expected.prompts.imageTokens)
    expect(idsOf(promptFor(mllm, expected.prompts.general.question, [image]), mllm)).toEqual(
      expected.prompts.general.ids,
    )
    for (const { question, plain, withCrop, chat, chatWithCrop } of expected.prompts.questions) {
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
    let image: Image
    let encoded: EncodedImage
    beforeAll(async () => {
      image = await decodeImage(picturePath(key))
      encoded = await encodeImage(mllm, image)
    })

    it('in the pixel values', () => {
      const { pixelValues } = mllm.model.vision.preprocess(image)
      expect(relativeError(pixelValues, arrays(`${key}.pixel_values`).data)).toBeLessThan(tolerance)
    })

    it('in the states that the projector reads', async () => {
      const graph = forwardTo(mllm.model.vision.encode(), ['image_features'])
      const first = nodesOf(graph).find(node => node.kind === 'Gemm' && node.scope.endsWith('linear_1'))
      const session = await mllm.engine.open({ outputs: { states: first?.inputs[0] as Tensor } })
      const { pixelValues, shape } = mllm.model.vision.preprocess(image)
      const outputs = await session.run({ pixel_values: float32Value(pixelValues, shape) })
      const states = arrays(`${key}.vision_hidden`).data
      expect(relativeError(floats(outputs, 'states'), states)).toBeLessThan(tolerance)
      await session.release()
    })

    it('in the image features', () => {
      expect(relativeError(encoded.features.data, arrays(`${key}.image_features`).data)).toBeLessThan(
        tolerance,
      )
    })

    it.each([
      ['general', (): string => expected.prompts.general.question],
      ['questions.0', (): string => questionOf(0)],
      ['questions.1', (): string => questionOf(1)],
    ])('in logits and every layer’s attention under prompt %s', async (prompt, question) => {
      const context = new Context(mllm.decoder)
      const positions = promptFor(mllm, question(), [encoded])
      await context.hold(positions.slice(0, -1))
      const layers = Array.from({ length: mllm.model.language.layers }, (_, i) => i)
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
    })

    it.each([0, 1])('in the relative attention and crops of question %i', async i => {
      const picture = await Picture.see(mllm, image)
      const { crops } = expected.pictures[key].questions[
        i
      ] as (typeof expected.pictures.wide.questions)[number]
      const reference = arrays(`${key}.questions.${i}.relative_attention`)
      const [layers, tokens] = reference.shape as [number, number]
      for (let layer = 0; layer < layers; layer++) {
        const { importance, crop, cropReason } = await picture.look(questionOf(i), { layers: [layer] })
        const cells = encoded.geometry.grid.rows * encoded.geometry.grid.columns
        const row = reference.data.subarray((layer + 1) * tokens - cells, (layer + 1) * tokens)
        if (importance !== null) expect(relativeError(importance.values, row)).toBeLessThan(tolerance)
        expect({ crop, cropReason }).toEqual({
          crop: crops.layers[layer]?.box,
          cropReason: crops.layers[layer]?.reason,
        })
      }
      const all = await picture.look(questionOf(i), { layers: Array.from({ length: layers }, (_, l) => l) })
      expect(all.crop).toEqual(crops.mean.box)
    })

    it.each([0, 1])('in the answers to question %i, without and with the crop', async i => {
      const question = expected.pictures[key].questions[
        i
      ] as (typeof expected.pictures.wide.questions)[number]
      const context = new Context(mllm.decoder)
      const plain = promptFor(mllm, question.question, [encoded])
      expect(await answer(context, plain, mllm)).toEqual(withoutEnd(question.plain.tokens, mllm))
      expect(mllm.tokenizer.decode(question.plain.tokens)).toBe(question.plain.text)
      const { box } = question.crops.mean
      if (box === null) return
      const crop = await encodeImage(mllm, cropImage(image, box))
      const both = promptFor(mllm, question.question, [encoded, crop])
      await context.hold(both.slice(0, -1))
      const logits = await context.append(both.slice(-1))
      const firstStep = arrays(`${key}.questions.${i}.with_crop_logits`).data.subarray(0, logits.length)
      expect(relativeError(logits, firstStep)).toBeLessThan(tolerance)
      expect(await answer(context, both, mllm)).toEqual(withoutEnd(question.withCrop.tokens, mllm))
    })
  })

  const questionOf = (i: number): string => expected.prompts.questions[i]?.question as string
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
