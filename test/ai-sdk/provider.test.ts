import {
  AISDKError,
  InvalidArgumentError,
  InvalidPromptError,
  NoSuchModelError,
  UnsupportedFunctionalityError,
} from '@ai-sdk/provider'
import { generateText, type ModelMessage, type UserContent } from 'ai'
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest'
import { createVicrop } from '../../src/ai-sdk/index.ts'
import { type Answer, ViCrop } from '../../src/index.ts'
import { file, picture, question } from './demo.ts'
import { sdks } from './sdks.ts'

const vicrop = createVicrop()
const opening = vi.spyOn(ViCrop, 'open')
let expected: Answer
beforeAll(async () => {
  await using library = await ViCrop.open()
  using seen = await library.see(file(picture))
  expected = await seen.ask(question)
  opening.mockClear()
})
afterAll(() => vicrop.release())

const user = (...content: Exclude<UserContent, string>): ModelMessage => ({ role: 'user', content })
const text = (asked: string) => ({ type: 'text', text: asked }) as const
const image = (data: string | Uint8Array | URL) => ({ type: 'image', image: data }) as const

describe.each(sdks)('AI SDK %s', (_, { generateText, streamText }) => {
  const ask = (messages: ModelMessage[], more: object = {}) =>
    generateText({ model: vicrop('demo'), messages, maxRetries: 0, ...more })
  const askOf = (data: string | Uint8Array | URL, more: object = {}) =>
    ask([user(text(question), image(data))], more)

  it('is given the answer of the library, and its crop as metadata', async () => {
    const result = await askOf(file(picture))
    expect(result.text).toBe(expected.answer)
    expect(result.finishReason).toBe('stop')
    expect(result.usage).toMatchObject({
      inputTokens: expected.usage.promptTokens,
      outputTokens: expected.usage.answerTokens,
    })
    expect(result.warnings).toEqual([])
    const { importance, timings, usage, finishReason, answer, question: _, ...facts } = expected
    const { timings: __, ...metadata } = { ...result.providerMetadata?.vicrop }
    expect(metadata).toEqual({ ...facts, plainAnswer: null })
  })

  it('is given an answer about several pictures, and where the model looked in each', async () => {
    await using library = await ViCrop.open()
    using first = await library.see(file(picture))
    using second = await library.see(file('006.webp'))
    const together = await first.ask(question, { others: [second], plain: false })
    const result = await ask([user(image(file(picture)), text(question), image(file('006.webp')))])
    expect(result.text).toBe(together.answer)
    expect(result.usage.inputTokens).toBe(together.usage.promptTokens)
    expect(result.providerMetadata?.vicrop).toMatchObject({
      crop: together.crop,
      others: [{ crop: together.others[0]?.crop }],
    })
  })

  it('is given the plain answer too if it asks for that', async () => {
    const { text, providerMetadata } = await askOf(file(picture), {
      providerOptions: { vicrop: { plain: true } },
    })
    expect(text).toBe(expected.answer)
    expect(providerMetadata?.vicrop?.plainAnswer).toBe(expected.plainAnswer)
    expect(expected.plainAnswer).not.toBe(expected.answer)
  })

  const base64 = Buffer.from(file(picture)).toString('base64')
  test.each<[string, string | URL]>([
    ['base64', base64],
    ['a data URL', `data:image/webp;base64,${base64}`],
    ['a data URL as a URL', new URL(`data:image/webp;base64,${base64}`)],
    ['the URL of a page on the web', new URL('https://pictures.example.com/form')],
  ])('may give the picture as %s', async (_, data) => {
    const download = vi.fn(async (files: readonly { isUrlSupportedByModel: boolean }[]) =>
      files.map(() => ({ data: file(picture), mediaType: 'image/webp' })),
    )
    const { text, providerMetadata } = await askOf(data, { experimental_download: download })
    expect({ text, crop: providerMetadata?.vicrop?.crop }).toEqual({
      text: expected.answer,
      crop: expected.crop,
    })
    const url = new URL('https://pictures.example.com/form')
    const downloads = String(data) === String(url) ? [{ url, isUrlSupportedByModel: false }] : []
    expect(download.mock.lastCall?.[0]).toMatchObject(downloads)
  })

  it('may say how to look', async () => {
    const crop = { x: 0, y: 0, width: 60, height: 50 }
    const given = await askOf(file(picture), { providerOptions: { vicrop: { crop } } })
    expect(given.providerMetadata?.vicrop?.crop).toEqual(crop)
    const none = await askOf(file(picture), { providerOptions: { vicrop: { method: 'none' } } })
    expect(none.text).toBe(expected.plainAnswer)
    const graded = await askOf(file(picture), {
      providerOptions: { vicrop: { method: 'grad-att', layers: [2] } },
    })
    expect(graded.providerMetadata?.vicrop).toMatchObject({ method: 'grad-att', layers: [2] })
  })

  it('is told when the limit ended the answer', async () => {
    const { text, finishReason, usage } = await askOf(file(picture), { maxOutputTokens: 1 })
    expect({ finishReason, outputTokens: usage.outputTokens }).toEqual({
      finishReason: 'length',
      outputTokens: 1,
    })
    expect(expected.answer.startsWith(text)).toBe(true)
  })

  it('may stream it', async () => {
    const result = streamText({
      model: vicrop('demo'),
      messages: [user(image(file(picture)), text(question))],
    })
    const pieces: string[] = []
    for await (const piece of result.textStream) pieces.push(piece)
    expect(pieces.join('')).toBe(expected.answer)
    expect(pieces).toHaveLength(expected.answer.length)
    expect(await result.finishReason).toBe('stop')
    expect((await result.usage).outputTokens).toBe(expected.usage.answerTokens)
    expect((await result.providerMetadata)?.vicrop?.crop).toEqual(expected.crop)
  })

  it('streams the plain answer where that is all there is', async () => {
    const providerOptions = { vicrop: { plain: true, method: 'none' } }
    const messages = [user(image(file(picture)), text(question))]
    const result = streamText({ model: vicrop('demo'), messages, providerOptions })
    expect(await result.text).toBe(expected.plainAnswer)
    expect((await result.providerMetadata)?.vicrop?.cropReason).toBe('method none')
  })

  it('may go on asking about a picture, and is told what is left out', async () => {
    const { text: answer, warnings } = await ask(
      [
        user(image(file('006.webp')), text('What is written on the purple circle?')),
        { role: 'assistant', content: 'Q' },
        user(image(file(picture)), text('What is the name on the form?')),
        { role: 'assistant', content: 'X' },
        user(text(question)),
      ],
      { system: 'Be brief.' },
    )
    expect(answer).toBe(expected.answer)
    const details = 'Only the last question is put to the model, with its pictures.'
    expect(warnings).toEqual([
      { type: 'unsupported', feature: 'system messages', details },
      { type: 'unsupported', feature: 'earlier messages', details },
    ])
  })

  it('is told which settings change nothing', async () => {
    const { text, warnings } = await askOf(file(picture), {
      temperature: 0.5,
      topP: 0.9,
      stopSequences: ['4'],
      seed: 1,
      presencePenalty: 0,
    })
    expect(text).toBe(expected.answer)
    expect(warnings?.map(warning => 'feature' in warning && warning.feature)).toEqual([
      'temperature',
      'topP',
      'stopSequences',
    ])
  })

  describe('is refused', () => {
    const refusal = (asked: PromiseLike<unknown>): Promise<unknown> =>
      Promise.resolve(asked).then(
        () => 'no refusal',
        error => error,
      )

    test.each<[string, ModelMessage[], string]>([
      [
        'a file that is no picture',
        [user(image(new Uint8Array(1000).fill(65)), text(question))],
        'Invalid prompt: image: not a picture that can be read, use JPEG, PNG, WebP, GIF, TIFF or AVIF',
      ],
      [
        'an empty question',
        [user(image(file(picture)), text('  '))],
        'Invalid prompt: the question is empty. Ask something about the picture.',
      ],
      [
        'no text',
        [user(image(file(picture)))],
        'Invalid prompt: the question is empty. Ask something about the picture.',
      ],
      [
        'no picture',
        [user(text(question))],
        'Invalid prompt: no message has a picture. Give one as an image part.',
      ],
      [
        'a conversation that ends with an answer',
        [user(image(file(picture)), text(question)), { role: 'assistant', content: '44' }],
        'Invalid prompt: the last message has the role "assistant". End with a question of the user.',
      ],
      [
        'a question beyond the context',
        [user(image(file(picture)), text('what is '.repeat(2000)))],
        'Invalid prompt: prompt: ',
      ],
    ])('%s, as an invalid prompt', async (_, messages, message) => {
      const error = (await refusal(ask(messages))) as Error
      expect(InvalidPromptError.isInstance(error)).toBe(true)
      expect(error.message.slice(0, message.length)).toBe(message)
    })

    test.each<[string, Exclude<UserContent, string>, string]>([
      [
        'a document',
        [{ type: 'file', data: new Uint8Array(10), mediaType: 'application/pdf' }],
        "'files of type application/pdf' functionality not supported.",
      ],
    ])('%s, as not supported', async (_, content, message) => {
      const error = (await refusal(ask([user(...content, text(question))]))) as Error
      expect(UnsupportedFunctionalityError.isInstance(error)).toBe(true)
      expect(error.message).toBe(message)
    })

    test.each<[string, object, string]>([
      ['an unknown option', { layer: [1] }, 'providerOptions.vicrop: Unrecognized key: "layer"'],
      [
        'an unknown method',
        { method: 'best' },
        'providerOptions.vicrop.method: Invalid option: expected one of "rel-att"|"grad-att"|"pure-grad"|"none"',
      ],
      ['a layer that there is not', { layers: [99] }, 'layer 99: the model has layers 0 to '],
      [
        'a crop outside',
        { crop: { x: 400, y: 0, width: 100, height: 100 } },
        'crop 400,0,100,100 is not a box',
      ],
      [
        'a target without a gradient',
        { target: 'A' },
        'method rel-att has no target; with: grad-att, pure-grad.',
      ],
    ])('%s, as an invalid argument', async (_, options, message) => {
      const error = (await refusal(askOf(file(picture), { providerOptions: { vicrop: options } }))) as Error
      expect(InvalidArgumentError.isInstance(error)).toBe(true)
      expect(error.message.slice(0, message.length)).toBe(message)
    })

    it('a model that is not there', async () => {
      const messages = [user(image(file(picture)), text(question))]
      const error = (await refusal(generateText({ model: vicrop('../none/such'), messages }))) as Error
      expect(AISDKError.isInstance(error)).toBe(true)
      expect(error.message).toBe(
        '"../none/such": is neither a folder nor a model id; give a folder or "org/name[@revision]".',
      )
    })

    it('in a stream as it would be without one', async () => {
      const errors: unknown[] = []
      const result = streamText({
        model: vicrop('demo'),
        messages: [user(image(new Uint8Array(1000)), text(question))],
        onError: ({ error }) => void errors.push(error),
      })
      for await (const _ of result.fullStream);
      expect(errors).toHaveLength(1)
      expect(InvalidPromptError.isInstance(errors[0])).toBe(true)
    })
  })

  it('may end a call, and the next one is answered', async () => {
    const controller = new AbortController()
    const parts: string[] = []
    const result = streamText({
      model: vicrop('demo'),
      messages: [user(image(file(picture)), text(question))],
      abortSignal: controller.signal,
    })
    for await (const part of result.fullStream) {
      parts.push(part.type)
      if (part.type === 'text-delta') controller.abort()
    }
    expect(parts).toContain('abort')
    expect(parts).not.toContain('finish')
    const reason = new Error('changed my mind')
    await expect(askOf(file(picture), { abortSignal: AbortSignal.abort(reason) })).rejects.toThrow(reason)
    expect((await askOf(file(picture))).text).toBe(expected.answer)
  })
})

it('opens a model once, and again after it was released', async () => {
  await using own = createVicrop({ threads: 1 })
  const ask = () =>
    generateText({ model: own('demo'), messages: [user(image(file(picture)), text(question))] })
  opening.mockClear()
  await Promise.all([ask(), ask()])
  expect(opening.mock.calls).toEqual([[undefined, { threads: 1 }]])
  await own.release()
  expect((await ask()).text).toBe(expected.answer)
  expect(opening).toHaveBeenCalledTimes(2)
})

it('encodes a picture once for as long as it is one of the last', async () => {
  await using own = createVicrop()
  const seeing = vi.spyOn(ViCrop.prototype, 'see')
  for (const name of ['003.webp', '003.webp', '004.webp', '003.webp'])
    await generateText({
      model: own('demo'),
      messages: [user(image(file(name)), text(question))],
      maxOutputTokens: 1,
    })
  expect(seeing).toHaveBeenCalledTimes(2)
  seeing.mockRestore()
})

it('has no other models', () => {
  for (const make of [vicrop.embeddingModel, vicrop.imageModel])
    expect(() => make('demo')).toThrow(NoSuchModelError)
})
