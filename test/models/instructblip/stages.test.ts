import { beforeAll, describe, expect, it } from 'vitest'
import { Context } from '../../../src/decode/context.ts'
import { greedy } from '../../../src/decode/greedy.ts'
import { attention, type Reading } from '../../../src/decode/probe.ts'
import { type EncodedImage, encodeAll, encodeImage } from '../../../src/encode.ts'
import { vjp } from '../../../src/grad/grad.ts'
import { concat, input } from '../../../src/graph/ops.ts'
import type { Tensor } from '../../../src/graph/tensor.ts'
import { decodeImage } from '../../../src/image/decode-node.ts'
import { cropImage, type Image } from '../../../src/image/image.ts'
import { type Mllm, promptFor } from '../../../src/mllm.ts'
import type { Prompt, QueryConnector } from '../../../src/models/model.ts'
import { float32Value, floats } from '../../../src/onnx/session.ts'
import {
  type ExpectedQuestion,
  elementError,
  meanOverHeads,
  picturePath,
  relativeError,
} from '../fixtures.ts'
import { gradientsByHead } from '../gradients-by-head.ts'
import { useModelAt } from '../open.ts'
import { cases, modelPath, part, readArrays, readExpected } from './fixtures.ts'

// Stage by stage, from the prompt to the gradients by attention. What maps are made of it is in maps.test.ts.

/** Of float32 against float32. */
const tolerance = 1e-4

describe.each(cases)('InstructBLIP checkpoint %s equals the reference', name => {
  const expected = readExpected(name)
  const arrays = readArrays(name)
  const model = useModelAt(modelPath(name))
  let mllm: Mllm
  let connector: QueryConnector
  beforeAll(() => {
    mllm = model()
    connector = mllm.model.connector as QueryConnector
  })

  const close = (actual: Float32Array, key: string): void =>
    expect(relativeError(actual, arrays(key).data), key).toBeLessThan(tolerance)

  it('in the token ids of every prompt, behind the picture, and of every instruction', () => {
    const { general, questions, queryTokens } = expected.prompts
    expect(connector.queryTokens).toBe(queryTokens)
    for (const { question, ids, instructionIds } of [general, ...questions]) {
      expect(mllm.instructionTokenizer?.encode(mllm.model.instruct(question))).toEqual(instructionIds)
      expect(mllm.tokenizer.encode(mllm.model.plainPrompt(question, 1, mllm.imageToken, ''))).toEqual(ids)
    }
  })

  describe.each(['wide', 'tall'] as const)('on the %s picture', key => {
    let image: Image
    beforeAll(async () => {
      image = await decodeImage(picturePath(key))
    })

    it('in the pixel values', () => {
      close(mllm.model.vision.preprocess(image).pixelValues, `${key}.pixel_values`)
    })

    it('in the vision encoder’s features', async () => {
      const [seen] = await encodeAll(mllm, [mllm.model.vision.preprocess(image)])
      close(seen!.features.data, `${key}.image_features`)
    })

    it('under the general prompt', async () => {
      const { question, ids } = expected.prompts.general
      const encoded = await encodeImage(mllm, image, { question })
      close(encoded.features.data, `${key}.general.query_features`)
      const prompt = promptFor(mllm, question, [encoded])
      expect(prompt).toEqual([...rowsOf(encoded), ...ids])
      close(await logitsOf(new Context(mllm.decoder), prompt), `${key}.general.logits`)
    })

    describe.each([0, 1])('under question %i', i => {
      const at = `${key}.questions.${i}`
      const { ids, question } = expected.prompts.questions[i]!
      const answers = expected.pictures[key].questions[i] as ExpectedQuestion
      let encoded: EncodedImage
      let prompt: Prompt
      let context: Context
      beforeAll(async () => {
        encoded = await encodeImage(mllm, image, { question })
        prompt = promptFor(mllm, question, [encoded])
        context = new Context(mllm.decoder)
      })

      it('in the query tokens, which stand before the text', () => {
        close(encoded.features.data, `${at}.query_features`)
        expect(prompt).toEqual([...rowsOf(encoded), ...ids])
      })

      it('in the logits and every layer’s attention', async () => {
        close(await logitsOf(context, prompt), `${at}.logits`)
        const rows = await probe(context, prompt, attention, mllm)
        for (const [layer, row] of rows.entries()) {
          const all = part(arrays(`${at}.attention`), layer)
          const [heads, width] = all.shape as [number, number]
          expect(elementError(row, meanOverHeads(all, heads, width)), `layer ${layer}`).toBeLessThan(
            tolerance,
          )
        }
      })

      it('in the cross-attention of every layer that has one', async () => {
        const layers = Array.from({ length: connector.layers }, (_, k) => k)
        const session = await mllm.connector?.attend(attention, layers)
        const read = floats((await session?.run(await connectorFeeds(image, question)))!, 'attentions')
        expect(elementError(read, arrays(`${at}.cross_attention`).data)).toBeLessThan(tolerance)
      })

      it.each(['likeliest', 'fed'] as const)(
        'in dv/dA_st and dv/dA_ti of every head, %s token',
        async source => {
          const target = source === 'fed' ? answers.token : null
          const gradients = await probe(context, prompt, gradientsByHead, mllm, target)
          const tokens = connector.queryTokens
          const rows = gradients.flatMap(row => [...row.subarray(0, tokens)])
          close(Float32Array.from(rows), `${at}.attention_gradient`)

          context.keepLayerInputs()
          await context.hold(prompt)
          const byRow = await context.inputGradient({ target })
          const width = mllm.model.language.hiddenSize
          const gradient = float32Value(byRow.subarray(0, tokens * width), [tokens, width])
          const session = await mllm.engine.open({ outputs: { gradients: crossGradients(connector) } })
          const outputs = await session.run({ ...(await connectorFeeds(image, question)), gradient })
          await session.release()
          close(floats(outputs, 'gradients'), `${at}.cross_gradient`)
        },
      )

      it('in the answers, without and with the crop', async () => {
        expect(await answer(context, prompt, mllm)).toEqual(withoutEnd(answers.plain.tokens, mllm))
        expect(mllm.tokenizer.decode(answers.plain.tokens)).toBe(answers.plain.text)
        const region = cropImage(image, answers.crops.mean.box as NonNullable<typeof answers.crops.mean.box>)
        const crop = await encodeImage(mllm, region, { question })
        const both = promptFor(mllm, question, [encoded, crop])
        expect(both).toEqual([...rowsOf(encoded), ...rowsOf(crop), ...ids])
        const [steps] = arrays(`${at}.with_crop_logits`).shape as [number]
        expect(steps).toBeGreaterThan(0)
        const logits = await logitsOf(context, both)
        const first = part(arrays(`${at}.with_crop_logits`), 0).data
        expect(relativeError(logits, first)).toBeLessThan(tolerance)
        expect(await answer(context, both, mllm)).toEqual(withoutEnd(answers.withCrop.tokens, mllm))
      })
    })
  })

  async function connectorFeeds(image: Image, question: string) {
    const [seen] = await encodeAll(mllm, [mllm.model.vision.preprocess(image)])
    return mllm.connector!.feeds(seen!.features, mllm.model.instruct(question))
  }
})

const rowsOf = ({ runs }: EncodedImage): Prompt => runs.flat()

async function logitsOf(context: Context, prompt: Prompt): Promise<Float32Array> {
  await context.hold(prompt.slice(0, -1))
  return context.append(prompt.slice(-1))
}

async function probe(
  context: Context,
  prompt: Prompt,
  reading: Reading,
  { model }: Mllm,
  target: number | null = null,
): Promise<Float32Array[]> {
  await context.hold(prompt.slice(0, -1))
  const layers = Array.from({ length: model.language.layers }, (_, i) => i)
  return context.probe(prompt.at(-1) as Prompt[number], layers, { reading, target })
}

/** dv/dA_ti of every head, [K*H,Q,T], of what reaches the query tokens. */
function crossGradients(connector: QueryConnector): Tensor {
  const { cuts, attentions } = connector.connect()
  const queries = cuts.query_features as Tensor
  return concat(vjp(queries, input('gradient', 'float32', queries.shape), attentions), 0)
}

async function answer(context: Context, prompt: Prompt, mllm: Mllm): Promise<number[]> {
  const { maxPositions } = mllm.model.language
  const tokens: number[] = []
  const options = { maxNewTokens: 20, endTokenIds: mllm.endTokenIds, maxPositions }
  for await (const token of greedy(context, prompt, options)) tokens.push(token)
  return tokens
}

const withoutEnd = (tokens: readonly number[], mllm: Mllm): readonly number[] =>
  mllm.endTokenIds.includes(tokens.at(-1) as number) ? tokens.slice(0, -1) : tokens
