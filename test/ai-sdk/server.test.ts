import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, type LanguageModel, type ModelMessage } from 'ai'
import { createOpenAICompatible as createOpenAICompatible7 } from 'openai-compatible-7'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVicrop } from '../../src/ai-sdk/index.ts'
import { type Answer, ViCrop } from '../../src/index.ts'
import { serve } from '../server/running.ts'
import { file, picture, question } from './demo.ts'
import { sdks } from './sdks.ts'

// The SDK's clients of OpenAI's API, which know nothing of vicrop, and a server that runs.

const clients = [createOpenAICompatible, createOpenAICompatible7 as unknown as typeof createOpenAICompatible]
const vicrop = createVicrop()
afterAll(() => vicrop.release())

let expected: Answer
beforeAll(async () => {
  await using library = await ViCrop.open()
  using seen = await library.see(file(picture))
  expected = await seen.ask(question)
})

const messages: ModelMessage[] = [
  {
    role: 'user',
    content: [
      { type: 'image', image: file(picture) },
      { type: 'text', text: question },
    ],
  },
]

describe.each(sdks.map(([version, sdk], i) => [version, sdk, clients[i]] as const))(
  'AI SDK %s asks a running server',
  (_, { generateText, streamText, wrapLanguageModel }, client) => {
    const modelAt = (url: string, name = 'demo', key = 'none') =>
      (client as typeof createOpenAICompatible)({
        name: 'vicrop',
        baseURL: `${url}/v1`,
        apiKey: key,
        includeUsage: true,
      })(name)

    it('and gets its answer, whole and streamed', async () => {
      const { url } = await serve()
      const asked = { model: modelAt(url), messages }
      const { text, finishReason, usage } = await generateText(asked)
      expect([text, finishReason]).toEqual([expected.answer, 'stop'])
      const { promptTokens: inputTokens, answerTokens: outputTokens } = expected.usage
      expect(usage).toMatchObject({ inputTokens, outputTokens })
      const streamed = streamText(asked)
      expect(await streamed.text).toBe(expected.answer)
      expect(await streamed.usage).toMatchObject({ inputTokens, outputTokens })
    })

    it('and gets its errors as such', async () => {
      const { url } = await serve(['--api-key', 'secret'])
      const refusal = (model: LanguageModel): Promise<unknown> =>
        generateText({ model, messages, maxRetries: 0 }).then(
          () => null,
          error => error,
        )
      for (const [model, statusCode, message] of [
        [modelAt(url), 401, /key/],
        [modelAt(url, 'other', 'secret'), 404, /^model: "other" is not served here/],
      ] as const) {
        const error = (await refusal(model)) as APICallError
        expect(APICallError.isInstance(error)).toBe(true)
        expect(error).toMatchObject({ statusCode, message: expect.stringMatching(message) })
      }
    })

    it('that is shown the crop by the middleware', async () => {
      const { url } = await serve(['--method', 'none'])
      const model = wrapLanguageModel({ model: modelAt(url), middleware: vicrop.middleware('demo') })
      const { text, providerMetadata } = await generateText({ model, messages })
      expect(text).toBe(expected.answer)
      expect(text).not.toBe(expected.plainAnswer)
      expect(providerMetadata?.vicrop).toMatchObject({ looks: [{ crop: expected.crop }] })
    })
  },
)
