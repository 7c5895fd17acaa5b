import {
  InvalidArgumentError,
  type LanguageModelV3CallOptions,
  type LanguageModelV3StreamPart,
} from '@ai-sdk/provider'
import type { ModelMessage, UserContent } from 'ai'
import * as mocks6 from 'ai/test'
import * as mocks7 from 'ai-7/test'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createVicrop } from '../../src/ai-sdk/index.ts'
import { decodeImage } from '../../src/image/decode-node.ts'
import { cropImage } from '../../src/image/image.ts'
import { resize } from '../../src/image/resize.ts'
import { type Look, ViCrop } from '../../src/index.ts'
import { file, picture, question } from './demo.ts'
import { sdks } from './sdks.ts'

const [six, seven] = sdks.map(([, sdk]) => sdk) as [(typeof sdks)[0][1], (typeof sdks)[0][1]]

/** Providers of version 7 come with models of version 3 and of version 4 of the specification. */
const combinations = [
  ['6', six, mocks6.MockLanguageModelV3],
  ['7 with a model for 6', seven, mocks7.MockLanguageModelV3 as unknown as typeof mocks6.MockLanguageModelV3],
  ['7', seven, mocks7.MockLanguageModelV4 as unknown as typeof mocks6.MockLanguageModelV3],
] as const

const vicrop = createVicrop()
let expected: Look
beforeAll(async () => {
  await using library = await ViCrop.open()
  using seen = await library.see(file(picture))
  expected = await seen.look(question)
})
afterAll(() => vicrop.release())

const user = (...content: Exclude<UserContent, string>): ModelMessage => ({ role: 'user', content })
const text = (asked: string) => ({ type: 'text', text: asked }) as const
const image = (data: Uint8Array | URL) => ({ type: 'image', image: data }) as const

/** What the wrapped model answers, with metadata and a warning of its own. */
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
}
const ending = {
  finishReason: { unified: 'stop' as const, raw: undefined },
  usage,
  providerMetadata: { other: { id: 7 } },
}
const warnings = [{ type: 'other' as const, message: 'its own' }]
const parts: LanguageModelV3StreamPart[] = [
  { type: 'stream-start', warnings },
  { type: 'text-start', id: '0' },
  { type: 'text-delta', id: '0', delta: 'forty-four' },
  { type: 'text-end', id: '0' },
  { type: 'finish', ...ending },
]

interface FilePart {
  readonly type: string
  readonly mediaType: string
  readonly data: Uint8Array | { readonly data?: Uint8Array }
}

/** The files of the last message as the model was given them, in the shape of version 6. */
function filesOf(call: LanguageModelV3CallOptions | undefined) {
  const content = (call?.prompt.at(-1)?.content ?? []) as unknown as readonly FilePart[]
  return content
    .filter(({ type }) => type === 'file')
    .map(({ mediaType, data }) => ({ mediaType, data: data instanceof Uint8Array ? data : data.data }))
}

describe.each(combinations)(
  'a model wrapped by AI SDK %s',
  (_, { generateText, streamText, wrapLanguageModel }, Mock) => {
    const wrapped = (options = {}) => {
      const model = new Mock({
        supportedUrls: { 'image/*': [/^https:/], '*/*': [/^https:/], 'application/pdf': [/^https:/] },
        doGenerate: async () => ({ content: [{ type: 'text', text: 'forty-four' }], ...ending, warnings }),
        doStream: async () => ({
          stream: new ReadableStream({
            start(controller) {
              for (const part of parts) controller.enqueue(part)
              controller.close()
            },
          }),
        }),
      })
      return { model, outer: wrapLanguageModel({ model, middleware: vicrop.middleware('demo', options) }) }
    }
    const ask = async (
      messages: ModelMessage[],
      { options = {}, ...more }: { options?: object; [key: string]: unknown } = {},
    ) => {
      const { model, outer } = wrapped(options)
      const result = await generateText({ model: outer, messages, maxRetries: 0, ...more })
      return { result, call: model.doGenerateCalls[0] }
    }

    it('is given the crop behind the picture, and its caller the box', async () => {
      const { result, call } = await ask([user(image(file(picture)), text(question))])
      const [whole, crop, ...others] = filesOf(call)
      expect(others).toEqual([])
      expect(whole?.data).toEqual(file(picture))
      expect(crop?.mediaType).toBe('image/png')
      const region = cropImage(await decodeImage(file(picture)), expected.crop!)
      const enlarged = resize(region, { width: 448, height: 448 }, 'bicubic')
      const given = await decodeImage(crop?.data as Uint8Array)
      expect(Buffer.compare(given.data, enlarged.data)).toBe(0)
      expect(call?.prompt.at(-1)?.content.at(-1)).toMatchObject(text(question))
      const { importance, timings, question: _, ...facts } = expected
      expect(result.text).toBe('forty-four')
      expect(result.providerMetadata).toMatchObject({ other: { id: 7 }, vicrop: { looks: [facts] } })
      expect(result.warnings).toEqual(warnings)
    })

    it('does so in a stream too', async () => {
      const { model, outer } = wrapped()
      const result = streamText({ model: outer, messages: [user(image(file(picture)), text(question))] })
      expect(await result.text).toBe('forty-four')
      expect(await result.providerMetadata).toMatchObject({
        other: { id: 7 },
        vicrop: { looks: [{ crop: expected.crop }] },
      })
      expect(await result.warnings).toEqual(warnings)
      expect(filesOf(model.doStreamCalls[0])).toHaveLength(2)
    })

    it('is given a crop of each of several pictures, and those of earlier messages as they were', async () => {
      const { result, call } = await ask([
        user(image(file('005.webp')), text('What is this?')),
        { role: 'assistant', content: 'A picture.' },
        user(image(file('006.webp')), text(question), image(file(picture))),
      ])
      expect(call?.prompt[0]?.content).toHaveLength(2)
      const files = filesOf(call)
      expect(files.map(({ mediaType }) => mediaType)).toEqual([
        'image/webp',
        'image/png',
        'image/webp',
        'image/png',
      ])
      expect([files[0]?.data, files[2]?.data]).toEqual([file('006.webp'), file(picture)])
      expect(result.providerMetadata?.vicrop?.looks).toMatchObject([{}, { crop: expected.crop }])
    })

    it('is given the crop of an earlier picture at the start of a question without one', async () => {
      const { result, call } = await ask([
        user(image(file('005.webp')), image(file(picture))),
        { role: 'assistant', content: 'A form.' },
        user(text(question)),
      ])
      expect(call?.prompt[0]?.content).toHaveLength(2)
      expect(call?.prompt[2]?.content).toMatchObject([
        { type: 'file', mediaType: 'image/png' },
        text(question),
      ])
      expect(result.providerMetadata?.vicrop?.looks).toMatchObject([{ crop: expected.crop }])
    })

    it.each<[string, ModelMessage[], unknown[]]>([
      ['no picture', [user(text(question))], []],
      ['no question', [user(image(file(picture)))], [{ crop: null, cropReason: 'no question' }]],
    ])('is asked as it would be without, where there is %s', async (_, messages, looks) => {
      const { result, call } = await ask(messages)
      expect(call?.prompt[0]?.content).toHaveLength(1)
      expect(result.providerMetadata?.vicrop).toEqual({ looks })
    })

    it('is asked as it would be without, where it is not to be looked', async () => {
      const messages = [user(image(file(picture)), text(question))]
      const { result, call } = await ask(messages, { providerOptions: { vicrop: { method: 'none' } } })
      expect(filesOf(call)).toHaveLength(1)
      expect(result.providerMetadata?.vicrop).toEqual({ looks: [{ crop: null, cropReason: 'method none' }] })
    })

    it('is asked as it would be without, where there is nothing to crop', async () => {
      const small = await import('sharp').then(({ default: sharp }) =>
        sharp(file(picture)).resize(60, 60).png().toBuffer(),
      )
      const { result, call } = await ask([user(image(new Uint8Array(small)), text(question))])
      expect(filesOf(call)).toHaveLength(1)
      expect(result.providerMetadata?.vicrop?.looks).toMatchObject([
        { crop: null, cropReason: 'nothing to crop' },
      ])
      expect(result.warnings).toEqual(warnings)
    })

    it('is asked as it would be without, and its caller told, where looking fails', async () => {
      const broken = new Uint8Array(500).fill(65)
      const { result, call } = await ask([user(image(broken), text(question))])
      expect(filesOf(call).map(({ data }) => data)).toEqual([broken])
      const looks = [
        { crop: null, cropReason: 'look failed', problem: expect.stringMatching(/^image: not a picture/) },
      ]
      expect(result.providerMetadata?.vicrop).toEqual({ looks })
      expect(result.warnings).toEqual([
        ...warnings,
        { type: 'other', message: expect.stringMatching(/^vicrop added no crop: image: not a picture/) },
      ])
    })

    it('is given pictures of the web as files, other files as it likes', async () => {
      const download = vi.fn(async (files: readonly object[]) =>
        files.map((_, i) => (i === 0 ? { data: file(picture), mediaType: 'image/webp' } : null)),
      )
      const [page, form] = [new URL('https://example.com/a.webp'), new URL('https://example.com/b.pdf')]
      const { call } = await ask(
        [user(image(page), text(question), { type: 'file', data: form, mediaType: 'application/pdf' })],
        { experimental_download: download },
      )
      expect(download.mock.lastCall?.[0]).toMatchObject([
        { url: page, isUrlSupportedByModel: false },
        { url: form, isUrlSupportedByModel: true },
      ])
      expect(filesOf(call).map(({ mediaType }) => mediaType)).toEqual([
        'image/webp',
        'image/png',
        'application/pdf',
      ])
    })

    it('takes options of the middleware, and those of a call before them', async () => {
      const messages = [user(image(file(picture)), text(question))]
      const options = { method: 'grad-att', layers: [2] }
      const always = await ask(messages, { options })
      expect(always.result.providerMetadata?.vicrop?.looks).toMatchObject([options])
      const once = await ask(messages, { options, providerOptions: { vicrop: { layers: [1] } } })
      expect(once.result.providerMetadata?.vicrop?.looks).toMatchObject([{ ...options, layers: [1] }])
    })

    it('refuses options that there are not', async () => {
      expect(() => wrapped({ methods: [] })).toThrow(InvalidArgumentError)
      const asked = ask([user(text(question))], { providerOptions: { vicrop: { plain: true } } })
      await expect(asked).rejects.toThrow('providerOptions.vicrop: Unrecognized key: "plain"')
    })

    it('is not asked once the call has ended', async () => {
      const { model, outer } = wrapped()
      const reason = new Error('changed my mind')
      const controller = new AbortController()
      const asked = generateText({
        model: outer,
        messages: [user(image(file('007.webp')), text(question))],
        abortSignal: controller.signal,
      })
      setTimeout(() => controller.abort(reason), 5)
      await expect(asked).rejects.toThrow(reason)
      expect(model.doGenerateCalls).toEqual([])
    })
  },
)
