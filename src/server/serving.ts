import type { Context } from 'hono'
import type { Answer, Look } from '../picture.ts'
import { ApiError } from './errors.ts'
import type { ReadImage } from './images.ts'
import type { LookDefaults } from './look-defaults.ts'
import type { Metrics } from './metrics.ts'
import type { Pictures } from './pictures.ts'
import { type Turn, unlessAborted, type Work } from './work.ts'

/** What the routes share. */
export interface Serving {
  /** The name under which the model is served. */
  readonly model: string
  readonly work: Work
  readonly pictures: Pictures
  readonly readImage: ReadImage
  readonly maxBodyBytes: number
  readonly defaults: LookDefaults
  /** The most tokens of an answer. */
  readonly maxNewTokens: number
  readonly metrics: Metrics
}

/** What is known of a request beside its response. */
export interface Env {
  readonly Variables: {
    requestId: string
    /** Fulfilled when the response is complete; set where that is later than the response itself. */
    ended?: Promise<void>
    /** What went wrong after the response had begun. */
    error?: unknown
    /** For the log: how the model looked. */
    looked?: object
  }
}

export type ServingContext = Context<Env>

/**
 * Works for a request within the limits. The work responds when it can, and may go on after that, with a stream.
 */
export function respondingTo(
  c: ServingContext,
  work: Work,
  job: (turn: Turn, respond: (response: Response) => void) => Promise<void>,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const ended = work
      .take(c.req.raw.signal, turn => job(turn, resolve))
      .catch(error => {
        c.set('error', error)
        reject(error)
      })
    c.set('ended', ended)
  })
}

/** A body as it came, and what it says. */
export interface JsonBody {
  readonly text: string
  readonly value: unknown
}

/** Only JSON that is called so, which no page of another origin can send unasked. */
export async function readJson(c: ServingContext, maxBytes: number, signal: AbortSignal): Promise<JsonBody> {
  const type = c.req.header('content-type') ?? 'none'
  if (!/^application\/json\s*(;|$)/i.test(type))
    throw new ApiError(415, `The content type is ${type}. Send application/json.`)
  const text = await unlessAborted(readText(c.req.raw, maxBytes), signal)
  try {
    return { text, value: JSON.parse(text) }
  } catch {
    throw new ApiError(400, 'The body is no JSON.', { code: 'invalid_json' })
  }
}

async function readText({ headers, body }: Request, maxBytes: number): Promise<string> {
  const tooLarge = new ApiError(413, `The body has more than the ${maxBytes} bytes that are taken.`)
  if (Number(headers.get('content-length')) > maxBytes) throw tooLarge
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of body ?? []) {
    bytes += part.length
    if (bytes > maxBytes) throw tooLarge
    parts.push(part)
  }
  return Buffer.concat(parts).toString()
}

export function requireModel(asked: string, served: string): void {
  if (asked === served) return
  throw new ApiError(404, `model: "${asked}" is not served here. Served: "${served}".`, {
    param: 'model',
    code: 'model_not_found',
  })
}

/** A look at a picture, and whether that had been encoded for an earlier request. */
export interface Noted {
  readonly look: Look | Answer<string | null>
  readonly wasKept: boolean
}

/** Counts the looks of a request, and notes for the log what is in them, without what pictures and question show. */
export function note(
  c: ServingContext,
  { metrics }: Pick<Serving, 'metrics'>,
  ...looks: readonly Noted[]
): void {
  for (const { look, wasKept } of looks) metrics.looked(look, wasKept)
  const [first, ...others] = looks.map(logged)
  c.set('looked', { ...first, ...(others.length > 0 && { others }) })
}

function logged({ look, wasKept }: Noted): object {
  const { method, image, crop, cropReason } = look
  const usage = 'usage' in look ? look.usage : undefined
  const picture = `${image.width}x${image.height}`
  return { method, picture, wasKept, crop: cropReason ?? crop, ...usage }
}
