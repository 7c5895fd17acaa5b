import { describe, expect, it } from 'vitest'
import { Context } from '../../src/decode/context.ts'
import { greedy } from '../../src/decode/greedy.ts'
import { positionsOf } from '../../src/decode/prompt.ts'
import { type EncodedImage, encodeCrop } from '../../src/encode.ts'
import { cropImage } from '../../src/image/image.ts'
import type { Looker } from '../../src/importance/method.ts'
import { type Mllm, promptFor } from '../../src/mllm.ts'
import type { Prompt } from '../../src/models/model.ts'
import type { LookOptions } from '../../src/options.ts'
import { Picture } from '../../src/picture.ts'
import type { View } from '../../src/view.ts'
import {
  type Array32,
  type Arrays,
  type ExpectedCrop,
  type ExpectedCrops,
  type ExpectedQuestion,
  elementError,
  meanOverHeads,
  part,
  relativeError,
} from './fixtures.ts'
import { gradientsByHead } from './gradients-by-head.ts'
import type { Seen } from './open.ts'

// The stages in which every architecture is compared with the reference. What is particular to one is in its own tests.

/** Of float32 against float32: stages differ by rounding alone, through every layer and back. */
const tolerance = 1e-4

export const generalQuestion = 'Write a general description of the image.'

export function expectClose(actual: Float32Array | undefined, expected: Float32Array, of = ''): void {
  expect(relativeError(actual as Float32Array, expected), of).toBeLessThan(tolerance)
}

/** Each value, as a share of itself. */
export function expectEachClose(actual: Float32Array, expected: Float32Array, of = ''): void {
  expect(elementError(actual, expected), of).toBeLessThan(tolerance)
}

export const layersOf = ({ model }: Mllm): number[] => upTo(model.language.layers)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

export const idsOf = (prompt: Prompt, { model }: Mllm): (number | undefined)[] =>
  prompt.map(position => (typeof position === 'number' ? position : (model.imageTokenId ?? undefined)))

/** Of the last position. */
export async function logitsOf(context: Context, prompt: Prompt): Promise<Float32Array> {
  await context.hold(prompt.slice(0, -1))
  return context.append(prompt.slice(-1))
}

/** One picture of a fixture: its arrays, and what was asked of it. */
export interface Reference {
  readonly arrays: Arrays
  readonly questions: readonly ExpectedQuestion[]
}

export const numbered = (questions: Reference['questions']): [number, ExpectedQuestion][] => [
  ...questions.entries(),
]

export function testAttention(seen: Seen, { arrays, questions }: Reference): void {
  const prompts = questions.map(({ question }, i) => [`questions.${i}`, question])
  if (arrays.has('general.attention')) prompts.unshift(['general', generalQuestion])
  it.each(prompts)('in logits and every layer’s attention under prompt %s', async (folder, question) => {
    const { mllm } = seen
    const context = new Context(mllm.decoder)
    const prompt = promptFor(mllm, question, [await seen.encoded(question)])
    await context.hold(prompt.slice(0, -1))
    const rows = await context.probe(prompt.at(-1) as Prompt[number], layersOf(mllm))
    const attention = arrays.get(`${folder}.attention`)
    for (const layer of layersOf(mllm))
      expectEachClose(rows[layer] as Float32Array, meanOverHeads(part(attention, layer)), `layer ${layer}`)
    expectClose(await context.append(prompt.slice(-1)), arrays.get(`${folder}.logits`).data)
  })
}

/** The prompt of a question with the picture and the crop. */
export interface Cropped {
  readonly i: number
  readonly picture: EncodedImage
  readonly crop: EncodedImage
  readonly prompt: Prompt
}

export function testAnswers(
  seen: Seen,
  { arrays, questions }: Reference,
  expectCropped: (cropped: Cropped) => void = () => {},
): void {
  describe.each(numbered(questions))('under question %i', (i, { question, crops, plain, withCrop }) => {
    it('in the relative attention and its crops', async () => {
      const maps = arrays.get(`questions.${i}.relative_attention`)
      await expectMaps(seen, { question, method: 'rel-att' }, maps, crops)
    })

    it('in the answers, without and with the crop', async () => {
      const { mllm, image } = seen
      const context = new Context(mllm.decoder)
      const encoded = await seen.encoded(question)
      await expectAnswer(context, promptFor(mllm, question, [encoded]), mllm, plain)
      const { box } = crops.mean
      if (box === null) return expect(withCrop).toBeUndefined()
      const crop = await encodeCrop(mllm, cropImage(image, box), image, 1000, { question })
      const prompt = promptFor(mllm, question, [encoded, crop])
      expectCropped({ i, picture: encoded, crop, prompt })
      const first = part(arrays.get(`questions.${i}.with_crop_logits`), 0).data
      expectClose(await logitsOf(context, prompt), first)
      await expectAnswer(context, prompt, mllm, withCrop)
    })

    it('in what is asked of a picture, end to end', async () => {
      const picture = await Picture.see(seen.mllm, seen.image)
      const asked = await picture.ask(question, allLayers(seen.mllm))
      expect(asked).toMatchObject({
        crop: crops.mean.box,
        plainAnswer: textOf(plain, seen.mllm),
        answer: textOf(crops.mean.box === null ? plain : withCrop, seen.mllm),
      })
    })
  })
}

export function testGradients(seen: Seen, { arrays, questions }: Reference): void {
  describe.each(numbered(questions))('under question %i', (i, expected) => {
    const { question, token, gradientCrops, pureGradientCrops } = expected
    const own = arrays.within(`questions.${i}`)

    it.each([null, token])('in dv/dA of every layer and head, target %s', async target => {
      const { mllm } = seen
      const context = new Context(mllm.decoder)
      const encoded = await seen.encoded(question)
      const prompt = promptFor(mllm, question, [encoded])
      await context.hold(prompt.slice(0, -1))
      const options = { reading: gradientsByHead, target }
      const rows = await context.probe(prompt.at(-1) as Prompt[number], layersOf(mllm), options)
      const at = positionsOf(prompt, encoded.features)
      const ofImage = rows.flatMap(row => at.map(position => row[position] as number))
      const reference = own.get('attention_gradient')
      const gradients = { shape: reference.shape, data: Float32Array.from(ofImage) }
      for (const layer of layersOf(mllm))
        expectClose(part(gradients, layer).data, part(reference, layer).data, `layer ${layer}`)
    })

    it('in the gradient-weighted attention and its crops', async () => {
      const how = { question, method: 'grad-att' } as const
      await expectMaps(seen, how, own.get('gradient_attention'), gradientCrops)
    })

    it.each(['paper', 'code'] as const)('in the input gradient’s map and crop, variant %s', async variant => {
      const look = await (await seen.picture()).look(question, { method: 'pure-grad', variant })
      expectClose(look.importance?.values, own.get(`pure_gradient.${variant}`).data)
      expect(look).toMatchObject({ ...cropOf(pureGradientCrops[variant]), variant, layers: [] })
    })
  })
}

export const lookerOf = (view: View, { decoder }: Mllm, question: string, target: number | null): Looker =>
  view.looker(new Context(decoder), { question, target, signal: undefined })

type LayersRead = Pick<LookOptions, 'layers' | 'connectorLayers'>

/** Every layer of the language model, or every pair of it and a layer of the connector, in the order of the fixtures. */
function eachLayer({ model: { language, connector } }: Mllm): LayersRead[] {
  const layers = upTo(language.layers).map(layer => ({ layers: [layer] }))
  if (connector === undefined) return layers
  return layers.flatMap(one => upTo(connector.layers).map(own => ({ ...one, connectorLayers: [own] })))
}

const allLayers = ({ model: { language, connector } }: Mllm): LayersRead => ({
  layers: upTo(language.layers),
  ...(connector === undefined ? {} : { connectorLayers: upTo(connector.layers) }),
})

/** The map and the crop of each layer, and the crop of all together. */
async function expectMaps(
  seen: Seen,
  { question, method }: { readonly question: string; readonly method: 'rel-att' | 'grad-att' },
  maps: Array32,
  crops: ExpectedCrops,
): Promise<void> {
  const [picture, each] = [await seen.picture(), eachLayer(seen.mllm)]
  expect(crops.layers).toHaveLength(each.length)
  const rows = { shape: [each.length], data: maps.data }
  for (const [n, layers] of each.entries()) {
    const { importance, crop, cropReason } = await picture.look(question, { method, ...layers })
    const row = part(rows, n).data
    const cells = importance!.rows * importance!.columns
    // A class token, if there is one, stands in front and has no cell.
    expect(row.length - cells).toBeLessThanOrEqual(1)
    expectClose(importance?.values, row.subarray(-cells), JSON.stringify(layers))
    expect({ crop, cropReason }).toEqual(cropOf(crops.layers[n]!))
  }
  const { crop, cropReason } = await picture.look(question, { method, ...allLayers(seen.mllm) })
  expect({ crop, cropReason }).toEqual(cropOf(crops.mean))
}

const cropOf = ({ box, reason }: ExpectedCrop): object => ({ crop: box, cropReason: reason })

async function expectAnswer(
  context: Context,
  prompt: Prompt,
  { model, tokenizer, endTokenIds }: Mllm,
  { tokens, text }: ExpectedQuestion['plain'],
): Promise<void> {
  const found: number[] = []
  const options = { maxNewTokens: 20, endTokenIds, maxPositions: model.language.maxPositions }
  for await (const token of greedy(context, prompt, options)) found.push(token)
  expect(found).toEqual(withoutEnd(tokens, endTokenIds))
  expect(tokenizer.decode(tokens)).toBe(text)
}

const withoutEnd = (tokens: readonly number[], ends: readonly number[]): readonly number[] =>
  ends.includes(tokens.at(-1) as number) ? tokens.slice(0, -1) : tokens

/** The reference's text has the stop token where that is an ordinary one. */
const textOf = ({ tokens }: ExpectedQuestion['plain'], { tokenizer, endTokenIds }: Mllm): string =>
  tokenizer.decode(withoutEnd(tokens, endTokenIds)).trim()
