import { describe, expect, it } from 'vitest'
import { Context } from '../../../src/decode/context.ts'
import { attention } from '../../../src/decode/probe.ts'
import { encodeAll } from '../../../src/encode.ts'
import { vjp } from '../../../src/grad/grad.ts'
import { concat, input } from '../../../src/graph/ops.ts'
import type { Tensor } from '../../../src/graph/tensor.ts'
import { promptFor } from '../../../src/mllm.ts'
import type { QueryConnector } from '../../../src/models/model.ts'
import { float32Value, floats } from '../../../src/onnx/session.ts'
import { Picture } from '../../../src/picture.ts'
import { View } from '../../../src/view.ts'
import { picturePath } from '../fixtures.ts'
import { type Seen, useModelAt, usePicture } from '../open.ts'
import {
  expectClose,
  expectEachClose,
  generalQuestion,
  logitsOf,
  lookerOf,
  numbered,
  testAnswers,
  testAttention,
  testGradients,
} from '../stages.ts'
import { cases, modelPath, readArrays, readExpected } from './fixtures.ts'

describe.each(cases)('InstructBLIP checkpoint %s equals the reference', name => {
  const { prompts, pictures } = readExpected(name)
  const model = useModelAt(modelPath(name))

  it('in the token ids of every prompt, behind the picture, and of every instruction', () => {
    const { model: made, tokenizer, instructionTokenizer, imageToken } = model()
    const { general, questions, queryTokens } = prompts
    expect(made.connector?.queryTokens).toBe(queryTokens)
    for (const { question, ids, instructionIds } of [general, ...questions]) {
      expect(instructionTokenizer?.encode(made.instruct(question))).toEqual(instructionIds)
      expect(tokenizer.encode(made.plainPrompt(question, 1, imageToken, ''))).toEqual(ids)
    }
  })

  describe.each(['wide', 'tall'] as const)('on the %s picture', key => {
    const seen = usePicture(model, picturePath(key))
    const arrays = readArrays(name).within(key)
    const { questions } = pictures[key]

    it('in the pixel values', () => {
      const { pixelValues } = seen.mllm.model.vision.preprocess(seen.image)
      expectClose(pixelValues, arrays.get('pixel_values').data)
    })

    it('in the vision encoder’s features', async () => {
      expectClose((await featuresOf(seen)).data, arrays.get('image_features').data)
    })

    it('under the general prompt', async () => {
      const encoded = await seen.encoded(generalQuestion)
      expectClose(encoded.features.data, arrays.get('general.query_features').data)
      const prompt = promptFor(seen.mllm, generalQuestion, [encoded])
      expect(prompt).toEqual([...encoded.runs.flat(), ...prompts.general.ids])
      const logits = await logitsOf(new Context(seen.mllm.decoder), prompt)
      expectClose(logits, arrays.get('general.logits').data)
    })

    testAttention(seen, { arrays, questions })
    testAnswers(seen, { arrays, questions }, ({ i, picture, crop, prompt }) =>
      expect(prompt).toEqual([...picture.runs.flat(), ...crop.runs.flat(), ...prompts.questions[i]!.ids]),
    )
    testGradients(seen, { arrays, questions })

    describe.each(numbered(questions))('under question %i', (i, { question, token, plain, ...expected }) => {
      const own = arrays.within(`questions.${i}`)

      it('in the query tokens, which stand before the text', async () => {
        const encoded = await seen.encoded(question)
        expectClose(encoded.features.data, own.get('query_features').data)
        const prompt = promptFor(seen.mllm, question, [encoded])
        expect(prompt).toEqual([...encoded.runs.flat(), ...prompts.questions[i]!.ids])
      })

      it('in the cross-attention of every layer that has one', async () => {
        const { connector, model } = seen.mllm
        const layers = [...Array(model.connector?.layers).keys()]
        const session = await connector!.attend(attention, layers)
        const read = floats(await session.run(await connectorFeeds(seen, question)), 'attentions')
        expectEachClose(read, own.get('cross_attention').data)
      })

      it.each([null, token])('in dv/dA_ti of every head of these, target %s', async target => {
        const { mllm } = seen
        const connector = mllm.model.connector as QueryConnector
        const context = new Context(mllm.decoder)
        context.keepLayerInputs()
        await context.hold(promptFor(mllm, question, [await seen.encoded(question)]))
        const byRow = await context.inputGradient({ target })
        const [tokens, width] = [connector.queryTokens, mllm.model.language.hiddenSize]
        const gradient = float32Value(byRow.subarray(0, tokens * width), [tokens, width])
        const session = await mllm.engine.open({ outputs: { gradients: crossGradients(connector) } })
        const outputs = await session.run({ ...(await connectorFeeds(seen, question)), gradient })
        await session.release()
        expectClose(floats(outputs, 'gradients'), own.get('cross_gradient').data)
      })

      it('in the answer-to-image attention A_si of all pairs of layers', async () => {
        const picture = await seen.picture()
        const maps = await picture.attention(question, { layers: 'all', connectorLayers: 'all' })
        const all = Float32Array.from(maps.flatMap(({ values }) => [...values]))
        expectClose(all, own.get('image_attention').data)
      })

      it('in the gradient-weighted attention of all pairs of layers', async () => {
        using picture = await Picture.see(seen.mllm, seen.image)
        const maps = await picture.gradientAttention(question, { layers: 'all', connectorLayers: 'all' })
        const all = Float32Array.from(maps.flatMap(({ values }) => [...values]))
        expectClose(all, own.get('gradient_attention').data)
      })

      it('with grad-att of a target, after the plain answer, whose prefill it goes back through', async () => {
        const options = { method: 'grad-att', target: token } as const
        const { values } = (await (await seen.picture()).look(question, options)).importance!
        using fresh = await Picture.see(seen.mllm, seen.image)
        const asked = await fresh.ask(question, { method: 'grad-att' })
        expectClose(asked.importance?.values, values)
        expect(asked.plainAnswer).toBe(plain.text.trim())
      })

      it.each([null, token])('in dv/dx of every pixel, target %s', async target => {
        const view = await View.see(seen.mllm, seen.image)
        const looker = lookerOf(view, seen.mllm, question, target)
        expectClose((await looker.pixelGradient())[0], own.get('pixel_gradient').data)
        const [general] = await looker.generalPixelGradient()
        expectClose(general, arrays.get('general.pixel_gradient').data)
      })

      it.each(['paper', 'code'] as const)('in the map of a picture seen for pure-grad, %s', async variant => {
        using picture = await Picture.see(seen.mllm, seen.image, { method: 'pure-grad' })
        const look = await picture.look(question, { method: 'pure-grad', variant })
        expectClose(look.importance?.values, own.get(`pure_gradient.${variant}`).data)
        const { box, reason } = expected.pureGradientCrops[variant]
        expect(look).toMatchObject({ crop: box, cropReason: reason, layers: [], connectorLayers: [] })
      })
    })
  })
})

async function featuresOf({ mllm, image }: Seen) {
  const [encoded] = await encodeAll(mllm, [mllm.model.vision.preprocess(image)])
  return encoded!.features
}

const connectorFeeds = async (seen: Seen, question: string) =>
  seen.mllm.connector!.feeds(await featuresOf(seen), seen.mllm.model.instruct(question))

/** dv/dA_ti of every head, [K*H,Q,T], of what reaches the query tokens. */
function crossGradients(connector: QueryConnector): Tensor {
  const { cuts, attentions } = connector.connect()
  const queries = cuts.query_features as Tensor
  return concat(vjp(queries, input('gradient', 'float32', queries.shape), attentions), 0)
}
