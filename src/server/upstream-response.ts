import { ApiError, errorBody } from './errors.ts'
import { eventStreamHeaders } from './event-stream.ts'
import { broken, relayed } from './relay.ts'
import type { ServingContext } from './serving.ts'
import { type UpstreamResponse, upstreamError } from './upstream.ts'

// What an upstream server answered, as clients of vicrop get it.

/** Far more than any answer has. */
const maxBodyBytes = 64 * 2 ** 20

/** A response that is not a stream. Errors in JSON go through as they are. */
export async function whole(
  { status, headers, body }: UpstreamResponse,
  vicrop: object | null,
  signal: AbortSignal,
): Promise<Response> {
  const text = await readText(body, signal)
  const json = objectIn(text)
  if (status >= 400)
    return json === null ? withoutWords(status, headers) : new Response(text, { status, headers })
  if (status !== 200) throw broken(`answered with status ${status}`)
  if (json === null) throw broken('sent an answer that is no JSON object')
  return new Response(vicrop === null ? text : JSON.stringify({ ...json, vicrop }), { headers })
}

async function readText(body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const part of body) {
      bytes += part.length
      if (bytes > maxBodyBytes) throw broken('sent an answer without end')
      parts.push(part)
    }
  } catch (error) {
    throw error instanceof ApiError ? error : upstreamError(error, signal)
  }
  return Buffer.concat(parts).toString()
}

function objectIn(text: string): object | null {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === 'object' ? json : null
  } catch {
    return null
  }
}

function withoutWords(status: number, headers: Headers): Response {
  const message = `The upstream server answered with status ${status}.`
  const { error } = errorBody(new ApiError(502, message, { code: 'upstream_error' }))
  headers.delete('content-type')
  return Response.json({ error }, { status, headers })
}

/** A stream of chunks. It is logged when it is over. */
export function streamed(
  c: ServingContext,
  { headers, body }: UpstreamResponse,
  vicrop: object,
  signal: AbortSignal,
): Response {
  let end = (): void => {}
  c.set(
    'ended',
    new Promise(resolve => {
      end = resolve
    }),
  )
  async function* events(): AsyncGenerator<string, void> {
    try {
      const failure = yield* relayed(body, vicrop, signal)
      if (failure !== null) c.set('error', failure)
    } finally {
      end()
    }
  }
  for (const [name, value] of Object.entries(eventStreamHeaders)) headers.set(name, value)
  return new Response(streamOf(events()), { headers })
}

/** Read as fast as the client reads; when it leaves, the upstream server is left too. */
function streamOf(texts: AsyncGenerator<string, void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await texts.next()
      if (done) controller.close()
      else controller.enqueue(encoder.encode(value))
    },
    async cancel() {
      await texts.return()
    },
  })
}
