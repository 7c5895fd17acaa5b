import { setTimeout as sleep } from 'node:timers/promises'
import { oneLine, quote, WeightsError } from '../error.ts'
import type { ModelId } from './model-id.ts'
import type { Hub } from './settings.ts'

/** A connection on which nothing comes for so long has died. */
const STALLED_AFTER_MS = 30_000

/** One for the hub's own (a renamed model), one or two of its CDN; more is a loop. */
const MAX_REDIRECTS = 8

/** Waiting times after the first failure in a row, the second, ... */
const RETRY_AFTER_MS = [500, 1000, 2000, 4000, 8000]

/** A failure that may pass by itself: the connection was cut, or the hub is busy. */
export class Interrupted extends WeightsError {}

export interface Question {
  readonly model: ModelId
  /** What is asked for, for messages: "config.json". */
  readonly what: string
  readonly method?: 'GET' | 'HEAD'
  /** Asks for the bytes from here on, and up to `to` inclusive where it is given. */
  readonly from?: number
  readonly to?: number
  /** Whether an answer that redirects says enough already. Default: no redirect does. */
  readonly isEnough?: (headers: Headers) => boolean
  readonly signal?: AbortSignal | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** @throws Interrupted when the connection is cut or nothing comes for a while */
  body(): AsyncGenerator<Uint8Array>
  /** Lets go of the connection without reading on. */
  discard(): Promise<void>
}

/**
 * Asks the hub. Redirects are followed here, so that the token goes to the endpoint's origin and to no other.
 *
 * @throws Interrupted for what may pass by itself, WeightsError for what has to be mended, the signal's reason
 */
export async function ask(hub: Hub, address: string, question: Question): Promise<Answer> {
  let url = new URL(address)
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const answer = await askOnce(hub, url, question)
    const location = answer.headers.get('location')
    const isRedirect = answer.status >= 300 && answer.status < 400 && location !== null
    if (isRedirect && question.isEnough?.(answer.headers)) return answer
    if (!isRedirect) {
      const problem = problemOf(hub, url, answer, question)
      if (problem === null) return answer
      await answer.discard()
      throw problem
    }
    await answer.discard()
    url = redirected(url, location)
  }
  throw new WeightsError(
    `${hub.endpoint}: redirects in a circle when asked for ${question.what}; check HF_ENDPOINT.`,
  )
}

/** `ask`, and once or twice more when a failure may pass by itself. */
export async function askAgain<T>(
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
  tries = 3,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await work()
    } catch (error) {
      if (failures === tries) throw error
      await afterFailure(error, failures, signal)
    }
  }
}

/** Waits before another try; throws the error if it would not help, or if there have been too many in a row. */
export async function afterFailure(
  error: unknown,
  failures: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted()
  const pause = RETRY_AFTER_MS[failures - 1]
  if (!(error instanceof Interrupted) || pause === undefined) throw error
  await sleep(pause, undefined, signal ? { signal } : {}).catch(() => signal?.throwIfAborted())
}

/** The text of an answer, in UTF-8. */
export async function textOf(answer: Answer, what: string, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of answer.body()) {
    bytes += part.length
    if (bytes > maxBytes) throw new WeightsError(`${what}: has more than the ${maxBytes} bytes it may have.`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

async function askOnce(
  hub: Hub,
  url: URL,
  { method = 'GET', signal, ...question }: Question,
): Promise<Answer> {
  signal?.throwIfAborted()
  const connection = watched(signal)
  const isOwn = url.origin === new URL(hub.endpoint).origin
  const headers = {
    'user-agent': 'vicrop',
    // Sizes and ranges are those of the file itself.
    'accept-encoding': 'identity',
    ...(isOwn && hub.token !== null ? { authorization: `Bearer ${hub.token}` } : {}),
    ...(question.from === undefined ? {} : { range: `bytes=${question.from}-${question.to ?? ''}` }),
  }
  const failed = (error: unknown): never => {
    connection.end()
    signal?.throwIfAborted()
    throw new Interrupted(
      `${url.origin}: ${problemOfNetwork(error)}; check the connection and HF_ENDPOINT, then run again.`,
    )
  }
  const request = { method, headers, redirect: 'manual', signal: connection.signal } as const
  const response = await fetch(url, request).catch(failed)
  connection.isAlive()
  return {
    status: response.status,
    headers: response.headers,
    async *body() {
      const reader = response.body?.getReader()
      // The signal alone does not end it: in Node 20.20 one read in ten or so waited on after the abort, for ever.
      const cancel = (): void => void reader?.cancel().catch(() => {})
      connection.signal.addEventListener('abort', cancel)
      try {
        for (;;) {
          connection.signal.throwIfAborted()
          const part = await reader?.read()
          connection.signal.throwIfAborted()
          if (part?.value === undefined) return
          connection.isAlive()
          yield part.value
        }
      } catch (error) {
        failed(error)
      } finally {
        connection.signal.removeEventListener('abort', cancel)
        connection.end()
        cancel()
      }
    },
    async discard() {
      connection.end()
      await response.body?.cancel().catch(() => {})
    },
  }
}

interface Connection {
  readonly signal: AbortSignal
  isAlive(): void
  end(): void
}

/** Aborts with `signal`, or when there has been no sign of life for a while. */
function watched(signal: AbortSignal | undefined): Connection {
  const controller = new AbortController()
  const timer = setTimeout(() => {
    controller.abort(new Error(`sends nothing for ${STALLED_AFTER_MS / 1000} seconds`))
  }, STALLED_AFTER_MS)
  const abort = (): void => controller.abort(signal?.reason)
  signal?.addEventListener('abort', abort)
  return {
    signal: controller.signal,
    isAlive: () => timer.refresh(),
    end() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    },
  }
}

function problemOfNetwork(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } }
  return cause === undefined
    ? oneLine(message)
    : `cannot be reached (${oneLine(cause.code ?? String(cause.message))})`
}

function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from) ? new URL(location, from) : null
  if (to?.protocol === from.protocol || to?.protocol === 'https:') return to
  throw new WeightsError(
    `${from.origin}: redirects to ${quote(location)}, which is no safe address; check HF_ENDPOINT.`,
  )
}

/** What an answer means that is not what was asked for. */
function problemOf(hub: Hub, url: URL, answer: Answer, { model, what }: Question): WeightsError | null {
  const { status, headers } = answer
  const page = `${hub.endpoint}/${model.id}`
  if (status >= 200 && status < 300) {
    if (!headers.get('content-type')?.startsWith('text/html')) return null
    return new WeightsError(
      `${url.origin}: answers with a web page where ${what} was asked for; check HF_ENDPOINT, and whether the network wants a login.`,
    )
  }
  // A CDN says so of an address that has expired; another try gets a new one.
  const isCdn = url.origin !== new URL(hub.endpoint).origin && !headers.get('x-error-code')
  if (isCdn || status === 408 || status === 429 || status >= 500) {
    return new Interrupted(`${url.origin}: answers ${status} when asked for ${what}; try again later.`)
  }
  if (status === 401 || status === 403)
    return new WeightsError(`${model.id}: ${forbidden(hub, page, answer)}`)
  if (status === 404) return new WeightsError(`${model.id}: ${missing(page, what, answer, model)}`)
  return new WeightsError(`${url.origin}: answers ${status} when asked for ${what}; check HF_ENDPOINT.`)
}

function forbidden({ token }: Hub, page: string, { status, headers }: Answer): string {
  if (headers.get('x-error-code') === 'GatedRepo' || status === 403) {
    const whose = token === null ? 'a token of that account' : 'a token of that account that may read it'
    return `is gated (${status}); accept its licence at ${page} and set HF_TOKEN to ${whose}.`
  }
  return token === null
    ? `there is no such model, or it is private (${status}); check the id, or set HF_TOKEN.`
    : `there is no such model, or HF_TOKEN may not read it (${status}); check the id and the token.`
}

function missing(page: string, what: string, { headers }: Answer, { revision }: ModelId): string {
  const code = headers.get('x-error-code')
  if (code === 'EntryNotFound') return `has no ${what}; see ${page}, and pull again.`
  if (code === 'RevisionNotFound') return `has no revision ${quote(revision)}; see ${page}/tree/main.`
  const orRevision = revision === 'main' ? '' : `, or it has no revision ${quote(revision)}`
  return `there is no such model${orRevision}; check the spelling at ${page}.`
}
