import ky, { HTTPError } from 'ky'
import { z } from 'zod'
import { encodeJpeg } from '../image/decode-node.ts'
import { cropImage, type Image } from '../image/image.ts'
import { type Answerer, EndOfRun } from './ask-in-ways.ts'

export interface Endpoint {
  /** Of an OpenAI-compatible API, "https://api.openai.com/v1": `/chat/completions` is asked. */
  readonly url: string
  /** As the endpoint calls it. */
  readonly model: string
  /** Sent as bearer token; null where none is needed. */
  readonly key: string | null
}

/** The paper's request for a short answer, as LLaVA's prompt has it. */
const request = 'Answer the question using a single word or phrase.'

/** What an endpoint says of a request, and not of itself: the question, or its pictures, will not do. */
const ofQuestion = [400, 413, 422]

const answerSchema = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }) })).min(1),
})

const errorSchema = z.object({ error: z.object({ message: z.string() }) })

/**
 * A model behind an API, shown the picture and then the crop, as the paper shows them to GPT-4o. What is refused for being too
 * much or too soon, or fails on the way, is asked again, when the endpoint says or after up to half a minute, eight times.
 */
export function answererAt({ url, model, key }: Endpoint): Answerer {
  let isKnown = false
  const api = ky.create({
    prefixUrl: url,
    headers: key === null ? {} : { authorization: `Bearer ${key}` },
    redirect: 'error',
    timeout: 120_000,
    retry: {
      limit: 8,
      methods: ['post'],
      backoffLimit: 30_000,
      jitter: true,
      retryOnTimeout: true,
      // Nobody needs to wait to hear of a wrong address.
      shouldRetry: ({ error }) => (isKnown || error instanceof HTTPError ? undefined : false),
    },
  })
  return async (question, image, crop, { maxNewTokens, signal }) => {
    const shown = crop === null ? [image] : [image, cropImage(image, crop)]
    const pictures = await Promise.all(shown.map(pictureOf))
    const text = { type: 'text', text: `${question}\n${request}` }
    const json = {
      model,
      messages: [{ role: 'user', content: [...pictures, text] }],
      max_tokens: maxNewTokens,
      temperature: 0,
    }
    const answered = await api
      .post('chat/completions', { json, signal })
      .json()
      .catch(async error => {
        signal.throwIfAborted()
        throw await explained(url, error)
      })
    isKnown = true
    const read = answerSchema.safeParse(answered)
    if (!read.success) throw new Error(`${url}: its answer is no chat completion.`)
    return (read.data.choices[0]?.message.content ?? '').trim()
  }
}

async function pictureOf(image: Image): Promise<object> {
  const base64 = Buffer.from(await encodeJpeg(image)).toString('base64')
  return { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${base64}` } }
}

async function explained(url: string, error: Error): Promise<Error> {
  if (error instanceof SyntaxError) return new Error(`${url}: its answer is no chat completion.`)
  if (!(error instanceof HTTPError)) {
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    return new EndOfRun(`${url}: cannot be asked (${reason}). Is it the address of an OpenAI-compatible API?`)
  }
  const { status } = error.response
  const said = errorSchema.safeParse(await error.response.json().catch(() => null))
  const problem = `${url}: refused with status ${status}${said.success ? `: ${said.data.error.message}` : ''}`
  if (ofQuestion.includes(status)) return new Error(problem)
  const remedy =
    status === 401 || status === 403
      ? 'Set VICROP_ANSWERER_KEY to its key.'
      : status === 404
        ? 'Check --answerer and --answerer-model.'
        : 'Run again later: what was answered is kept.'
  return new EndOfRun(`${problem.replace(/\.$/, '')}. ${remedy}`)
}
