import { z } from 'zod'
import { type Asked, askedOf, maxPicturesAsked } from './conversation.ts'
import { cropPart, withCrops } from './crop-part.ts'
import { toApiError } from './errors.ts'
import { withDefaults } from './look-defaults.ts'
import { describedAll } from './looked.ts'
import { chatRequest, type Message, parse, vicropField } from './openai.ts'
import type { Seen } from './pictures.ts'
import { type JsonBody, type Noted, note, readJson, type Serving, type ServingContext } from './serving.ts'
import type { Upstream } from './upstream.ts'
import { streamed, whole } from './upstream-response.ts'
import type { Turn } from './work.ts'

/**
 * `POST /v1/chat/completions`, answered by an upstream server that is shown the crop too. Where looking gives no crop, or
 * fails, the request goes there as it came.
 */
export async function proxiedChat(
  c: ServingContext,
  serving: Serving,
  upstream: Upstream,
): Promise<Response> {
  const { signal, headers } = c.req.raw
  const { body, vicrop } = await lookedAt(c, serving, upstream)
  const response = await upstream.send('/chat/completions', headers, body, signal)
  const isStream = /^text\/event-stream/i.test(response.headers.get('content-type') ?? '')
  return response.status === 200 && isStream
    ? streamed(c, response, vicrop, signal)
    : whole(response, vicrop, signal)
}

/** `GET /v1/models` of the upstream server. */
export async function proxiedModels(c: ServingContext, upstream: Upstream): Promise<Response> {
  const { signal, headers } = c.req.raw
  return whole(await upstream.send('/models', headers, null, signal), null, signal)
}

/** What is sent on, and what the response says of the look. */
interface Looked {
  readonly body: string
  readonly vicrop: object
}

const ownPart = z.looseObject({ vicrop: vicropField.optional() })

/** Only what is wrong with the body, or with the field that is vicrop's own, is an error here. */
async function lookedAt(c: ServingContext, serving: Serving, { model }: Upstream): Promise<Looked> {
  const client = c.req.raw.signal
  let read: JsonBody | null = null
  try {
    return await serving.work.take(client, async turn => {
      const body = await readJson(c, serving.maxBodyBytes, turn.signal)
      parse(ownPart, body.value)
      read = body
      return look(c, serving, turn, body, model)
    })
  } catch (error) {
    if (read === null || client.aborted) throw error
    serving.metrics.lookFailed()
    const { message: problem } = toApiError(error)
    c.set('looked', { failed: problem })
    return { body: forwarded(read, model), vicrop: { crop: null, cropReason: 'look failed', problem } }
  }
}

async function look(
  c: ServingContext,
  { readImage, pictures, defaults, ...serving }: Serving,
  { signal, compute }: Turn,
  body: JsonBody,
  model: string | null,
): Promise<Looked> {
  const asItCame = (vicrop: object): Looked => ({ body: forwarded(body, model), vicrop })
  const request = chatRequest.safeParse(body.value).data
  const asked = request === undefined ? null : askedOf(request.messages)
  const { map = false, plain: _, ...options } = withDefaults(request?.vicrop ?? {}, defaults)
  const reason = reasonNotToLook(asked, options)
  if (reason !== null) return asItCame({ crop: null, cropReason: reason })
  const { question, pictures: places } = asked as Asked
  const files: Uint8Array[] = []
  for (const { url } of places) files.push(await readImage(url, signal))
  return compute(() =>
    pictures.useAll(files, { method: options.method, signal }, async seen => {
      const looks: (Seen & Noted)[] = []
      for (const [i, one] of seen.entries()) {
        // A crop that is given is of the first picture, as when the model here answers.
        const own = i === 0 ? options : { ...options, crop: 'auto' as const }
        looks.push({ ...one, look: await one.picture.look(question, { ...own, signal }) })
      }
      note(c, serving, ...looks)
      const vicrop = await describedAll(looks, map)
      const crops = await Promise.all(
        looks.map(({ look, picture }) => look.crop && cropPart(picture.image, look.crop)),
      )
      if (crops.every(crop => crop === null)) return asItCame(vicrop)
      const { messages } = body.value as { messages: Message[] }
      return { body: forwarded(body, model, withCrops(messages, asked as Asked, crops)), vicrop }
    }),
  )
}

function reasonNotToLook(
  asked: Asked | null,
  { method, crop }: { method: string; crop?: unknown },
): string | null {
  if (asked === null || asked.pictures.length === 0) return 'no picture'
  if (asked.pictures.length > maxPicturesAsked) return 'too many pictures'
  if (asked.question.trim() === '') return 'no question'
  return method === 'none' && typeof crop !== 'object' ? 'method none' : null
}

/** What an upstream server is sent: the very body where there is nothing to change. */
function forwarded({ text, value }: JsonBody, model: string | null, messages?: readonly Message[]): string {
  const { vicrop, ...request } = value as Readonly<Record<string, unknown>>
  if (vicrop === undefined && model === null && messages === undefined) return text
  return JSON.stringify({ ...request, ...(model !== null && { model }), ...(messages && { messages }) })
}
