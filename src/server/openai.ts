import { z } from 'zod'
import { lookSchema } from '../look-schema.ts'
import { badRequest } from './errors.ts'

// Requests and responses as the API of OpenAI has them, as far as they are read and made here.

const part = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  image_url: z.looseObject({ url: z.string() }).optional(),
})

const message = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(part)]).nullish(),
})

export type Message = z.infer<typeof message>

/** A map as a PNG over the picture, crop drawn, as a data URL; as the values of its cells; or not at all. */
const mapForm = z.union([z.enum(['png', 'values']), z.literal(false)])
export type MapForm = z.infer<typeof mapForm>

/** The request field of vicrop's own. */
export const vicropField = lookSchema.extend({
  map: mapForm.exactOptional(),
  plain: z.boolean().exactOptional(),
})

/** What is read of a chat request wherever it goes; the rest stays as it is. */
export const chatRequest = z.looseObject({
  model: z.string().min(1).optional(),
  messages: z.array(message).min(1),
  stream: z.boolean().nullish(),
  vicrop: vicropField.optional(),
})

const count = z.int().min(1).nullish()

/** A chat request that is answered here. */
export const answerRequest = chatRequest.extend({
  model: z.string().min(1),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: count,
  max_completion_tokens: count,
})

export type AnswerRequest = z.infer<typeof answerRequest>

export const lookRequest = lookSchema.extend({
  model: z.string().min(1).exactOptional(),
  image: z.string(),
  question: z.string(),
  map: mapForm.default('values'),
  /** Whether the map of every layer, by itself, is wanted too: grad-att's if that is the method, or else rel-att's. */
  layerMaps: z.boolean().default(false),
})

/** @throws ApiError 400 that names the first parameter that is not as expected */
export function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const read = schema.safeParse(value)
  if (read.success) return read.data
  const { path, message } = closest(read.error.issues[0] as z.core.$ZodIssue)
  const param = path.join('.')
  throw badRequest(`${param === '' ? 'the body' : param}: ${message}`, param)
}

/** Where a value may be one of several, what is wrong with the one that it is most of. */
function closest(issue: z.core.$ZodIssue): Pick<z.core.$ZodIssue, 'path' | 'message'> {
  if (issue.code !== 'invalid_union') return issue
  const inner = issue.errors.flatMap(([first]) => (first === undefined ? [] : [closest(first)]))
  const [deepest] = inner.toSorted((a, b) => b.path.length - a.path.length)
  if (deepest === undefined || deepest.path.length === 0) return issue
  return { path: [...issue.path, ...deepest.path], message: deepest.message }
}

/** What is not done here, with the values that ask for nothing of it. */
const notDone: Readonly<Record<string, (value: unknown) => boolean>> = {
  n: value => value === 1,
  stop: isEmpty,
  tools: isEmpty,
  functions: isEmpty,
  tool_choice: value => value === 'none' || value === 'auto',
  function_call: value => value === 'none' || value === 'auto',
  response_format: value => (value as { type?: unknown }).type === 'text',
  logprobs: value => value === false,
  logit_bias: isEmpty,
  modalities: value => Array.isArray(value) && value.every(one => one === 'text'),
  audio: () => false,
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && Object.keys(value as object).length === 0
}

/** @throws ApiError 400 for what would change the answer and is not done here; settings of sampling are ignored */
export function refuseNotDone(request: AnswerRequest): void {
  for (const [param, asksNothing] of Object.entries(notDone)) {
    const value = request[param] ?? null
    if (value !== null && !asksNothing(value))
      throw badRequest(
        `${param}: not supported. Answers are one text, decoded greedily. Leave it out.`,
        param,
        'unsupported_parameter',
      )
  }
}

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

export interface Head {
  readonly id: string
  readonly created: number
  readonly model: string
}

export const newHead = (model: string): Head => ({
  id: `chatcmpl-${crypto.randomUUID().replaceAll('-', '')}`,
  created: Math.floor(Date.now() / 1000),
  model,
})

interface Ending {
  readonly finishReason: 'stop' | 'length'
  readonly usage: { readonly promptTokens: number; readonly answerTokens: number }
}

export const usageOf = ({ usage: { promptTokens, answerTokens } }: Ending): Usage => ({
  prompt_tokens: promptTokens,
  completion_tokens: answerTokens,
  total_tokens: promptTokens + answerTokens,
})

export const completion = (
  head: Head,
  answer: Ending & { readonly answer: string },
  vicrop: object,
): object => ({
  ...head,
  object: 'chat.completion',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: answer.answer, refusal: null },
      logprobs: null,
      finish_reason: answer.finishReason,
    },
  ],
  usage: usageOf(answer),
  vicrop,
})

type Delta = { readonly role?: 'assistant'; readonly content?: string }

/** A piece of a streamed answer, or its end. */
export const chunk = (
  head: Head,
  delta: Delta,
  finishReason: Ending['finishReason'] | null = null,
): object => ({
  ...head,
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
})

export const usageChunk = (head: Head, answer: Ending): object => ({
  ...head,
  object: 'chat.completion.chunk',
  choices: [],
  usage: usageOf(answer),
})

export const modelEntry = (id: string, created: number): object => ({
  id,
  object: 'model',
  created,
  owned_by: 'vicrop',
})
