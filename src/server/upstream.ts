import { Agent, request } from 'undici'
import { ApiError } from './errors.ts'
import { clientGone } from './work.ts'

/** A server of the OpenAI API that answers, where vicrop only looks. */
export interface UpstreamOptions {
  /** The address that its paths begin with, such as `http://127.0.0.1:8000/v1`. */
  readonly url: string
  /** The model that it is asked for, whatever clients ask for; null: as they do. */
  readonly model: string | null
  /** Its API key; null: the one that clients send. */
  readonly key: string | null
  /** What it may take to begin an answer, and between two pieces of one. */
  readonly timeoutMs: number
}

export interface UpstreamResponse {
  readonly status: number
  readonly headers: Headers
  readonly body: AsyncIterable<Uint8Array>
}

export interface Upstream {
  readonly model: string | null
  /**
   * @param headers of the client's request
   * @throws ApiError 502 where it is not there, 504 where it does not answer in time
   */
  send(
    path: '/chat/completions' | '/models',
    headers: Headers,
    body: string | null,
    signal: AbortSignal,
  ): Promise<UpstreamResponse>
}

export function openUpstream(
  { url, model, key, timeoutMs }: UpstreamOptions,
  forwardsKeys: boolean,
): Upstream {
  const dispatcher = new Agent({
    connect: { timeout: Math.min(timeoutMs, 10_000) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })
  const base = url.replace(/\/+$/, '')
  return {
    model,
    async send(path, headers, body, signal) {
      try {
        const method = body === null ? 'GET' : 'POST'
        const own = requestHeaders(headers, key, forwardsKeys)
        const response = await request(`${base}${path}`, { dispatcher, method, headers: own, body, signal })
        const { statusCode: status, headers: found } = response
        return { status, headers: responseHeaders(found), body: response.body }
      } catch (error) {
        throw upstreamError(error, signal)
      }
    },
  }
}

/** What concerns one connection, what is said anew, and what is nobody else's business. */
const notForwarded = [
  'accept-encoding',
  'authorization',
  'connection',
  'content-encoding',
  'content-length',
  'cookie',
  'expect',
  'host',
  'keep-alive',
  'origin',
  'proxy-authorization',
  'proxy-connection',
  'referer',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

function requestHeaders(client: Headers, key: string | null, forwardsKeys: boolean): Record<string, string> {
  const forwarded = [...client].filter(([name]) => !notForwarded.includes(name))
  const authorization = key !== null ? `Bearer ${key}` : forwardsKeys ? client.get('authorization') : null
  return {
    ...Object.fromEntries(forwarded),
    'accept-encoding': 'identity',
    ...(authorization !== null && { authorization }),
  }
}

/** What clients read: what the body is, when to come again, what is left of their share. */
const passed = /^(content-type|retry-after|retry-after-ms|openai-.*|x-ratelimit-.*)$/

function responseHeaders(found: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(found))
    if (typeof value === 'string' && passed.test(name)) headers.set(name, value)
  return headers
}

/** An error on the way to the upstream server, or from it. */
export function upstreamError(error: unknown, signal: AbortSignal): ApiError {
  if (signal.aborted) return clientGone()
  const { code = 'unknown' } = error as NodeJS.ErrnoException
  const details = { cause: error, retryAfterS: 5 }
  if (/TIMEOUT$/.test(code) && code !== 'UND_ERR_CONNECT_TIMEOUT')
    return new ApiError(504, 'The upstream server did not answer in time.', {
      ...details,
      code: 'upstream_timeout',
    })
  return new ApiError(502, `The upstream server cannot be reached, or left (${code}).`, {
    ...details,
    code: 'upstream_unreachable',
  })
}
