import { ApiError, errorBody } from './errors.ts'
import { upstreamError } from './upstream.ts'

// A stream of chat completion chunks on its way from an upstream server to a client.

/** Far more than a piece of an answer has. In characters. */
const maxEventLength = 16 * 2 ** 20

/**
 * The events of an upstream server as they come; only into the first that ends an answer goes what vicrop has to say. A
 * stream that breaks off, or is none, ends with an error that clients read as such.
 *
 * @returns what went wrong
 */
export async function* relayed(
  body: AsyncIterable<Uint8Array>,
  vicrop: object,
  signal: AbortSignal,
): AsyncGenerator<string, ApiError | null> {
  let field: object | null = vicrop
  let isComplete = false
  try {
    for await (const event of eventsOf(body)) {
      const data = dataOf(event)
      const chunk = data === null || data === '[DONE]' ? null : parseChunk(data)
      isComplete ||= data === '[DONE]' || chunk?.error !== undefined
      if (field !== null && chunk !== null && endsAnswer(chunk)) {
        yield eventOf({ ...chunk, vicrop: field })
        field = null
      } else yield event
    }
    if (!isComplete) throw broken('ended its answer before it was complete')
    return null
  } catch (error) {
    const failure = error instanceof ApiError ? error : upstreamError(error, signal)
    yield eventOf(errorBody(failure))
    return failure
  }
}

const eventOf = (data: object): string => `data: ${JSON.stringify(data)}\n\n`

export const broken = (problem: string): ApiError =>
  new ApiError(502, `The upstream server ${problem}.`, { code: 'upstream_broken', retryAfterS: 5 })

/** A body's events, each with the blank line that ends it. */
async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const part of body) {
    const events = (rest + decoder.decode(part, { stream: true })).split(/(?<=\n\n|\r\n\r\n)/)
    const last = events.at(-1) as string
    rest = /\n\r?\n$/.test(last) ? '' : (events.pop() as string)
    yield* events
    if (rest.length > maxEventLength) throw broken('sent an event without end')
  }
  if (rest.trim() !== '') yield `${rest}\n\n`
}

/** null where an event has none: a comment, which keeps a connection alive. */
function dataOf(event: string): string | null {
  const lines = event.split(/\r?\n/).filter(line => line.startsWith('data:'))
  return lines.length === 0 ? null : lines.map(line => line.slice('data:'.length).trim()).join('\n')
}

type Chunk = Readonly<Record<string, unknown>>

function parseChunk(data: string): Chunk {
  try {
    const chunk: unknown = JSON.parse(data)
    if (typeof chunk === 'object' && chunk !== null) return chunk as Chunk
  } catch {}
  throw broken('sent an event that is no JSON object')
}

const endsAnswer = ({ choices }: Chunk): boolean =>
  Array.isArray(choices) && choices.some(choice => (choice?.finish_reason ?? null) !== null)
