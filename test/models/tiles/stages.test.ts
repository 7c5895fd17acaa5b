import { beforeAll, describe, expect, it } from 'vitest'
import { Context } from '../../../src/decode/context.ts'
import { greedy } from '../../../src/decode/greedy.ts'
import { type EncodedImage, encodeCrop, encodeImage, enlargedCrop } from '../../../src/encode.ts'
import { decodeImage } from '../../../src/image/decode-node.ts'
import { cropImage, type Image } from '../../../src/image/image.ts'
import { type Mllm, promptFor } from '../../../src/mllm.ts'
import type { Prompt } from '../../../src/models/model.ts'
import { Picture } from '../../../src/picture.ts'
import { type Array32, elementError, meanOverHeads, relativeError } from '../fixtures.ts'
import { useModelAt } from '../open.ts'
import { cases, type ExpectedQuestion, modelPath, picturePath, readArrays, readExpected } from './fixtures.ts'

/** Of float32 against float32: the stages differ by rounding alone. */
const tolerance = 1e-4

const generalQuestion = 'Write a general description of the image.'

describe.each(cases)('checkpoint %s equals the reference', name => {
  const expected = readExpected(name)
  const find = readArrays(name)
  const arrays = (key: string): Array32 => find(key) as Array32
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

    it('in the pixel values of all views', () => {
      const { pixelValues, shape } = mllm.model.vision.preprocess(image)
      const found = arrays(`${key}.pixel_values`)
      expect(shape).toEqual(found.shape)
      expect(relativeError(pixelValues, found.data)).toBeLessThan(tolerance)
    })

    it('in where the cells of the map lie', () => {
      const { levels, geometry } = mllm.model.vision.preprocess(image)
      const { x, y } = reference.geometry
      const { view, grid, source } = geometry
      expect(source).toEqual({ width: x.length, height: y.length })
      expect(grid).toEqual({ rows: y.cells, columns: x.cells })
      expect(view.x).toBeCloseTo(x.start, 6)
      expect(view.y).toBeCloseTo(y.start, 6)
      expect(view.width / grid.columns).toBeCloseTo(x.cell, 6)
      expect(view.height / grid.rows).toBeCloseTo(y.cell, 6)
      expect(levels).toHaveLength(reference.levels)
    })

    it('in the features at the image tokens', () => {
      const { shape, data } = arrays(`${key}.image_features`)
      const width = shape[1] as number
      const rows = encoded.runs.flat()
      const found = Float32Array.from(
        rows.flatMap(({ features, row }) => [...features.data.subarray(row * width, (row + 1) * width)]),
      )
      expect(relativeError(found, data)).toBeLessThan(tolerance)
    })

    it('in the token ids of every prompt', () => {
      expect(idsOf(promptFor(mllm, generalQuestion, [encoded]), mllm)).toEqual(reference.generalIds)
      for (const { question, ids, chatIds } of reference.questions) {
        expect(idsOf(promptFor(mllm, question, [encoded]), mllm)).toEqual(ids)
        expect(idsOf(promptFor({ ...mllm, promptStyle: 'chat' }, question, [encoded]), mllm)).toEqual(chatIds)
      }
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
            const look = await picture.look(question.question, { layers: [layer] })
            const row = data.subarray(layer * cells, (layer + 1) * cells)
            expect(relativeError(look.importance?.values as Float32Array, row)).toBeLessThan(tolerance)
            const { box, reason } = question.crops.layers[layer]!
            expect(look).toMatchObject({ crop: box, cropReason: reason })
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
          const both = promptFor(mllm, question.question, [encoded, crop])
          expect(idsOf(both, mllm)).toEqual(question.withCropIds)
          await context.hold(both.slice(0, -1))
          const logits = await context.append(both.slice(-1))
          const first = arrays(`${key}.questions.${i}.with_crop_logits`).data
          expect(relativeError(logits, first)).toBeLessThan(tolerance)
          expect(await answer(context, both, mllm)).toEqual(withoutEnd(question.withCrop.tokens, mllm))
        })

        it('in the size and the pixel values of the enlarged crop', () => {
          const { box } = question.crops.mean
          if (box === null) return
          const crop = enlargedCrop(mllm, cropImage(image, box), image, 1000)
          expect(crop).toMatchObject(question.cropSize as object)
          const { pixelValues } = mllm.model.vision.preprocess(crop)
          const found = find(`${key}.questions.${i}.crop_pixel_values`)
          if (found !== null) expect(relativeError(pixelValues, found.data)).toBeLessThan(tolerance)
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
