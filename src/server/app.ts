import { Hono, type MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { requestId } from 'hono/request-id'
import type { Logger } from 'pino'
import { isPublicAddress } from './addresses.ts'
import { chat } from './chat.ts'
import { ApiError, errorResponse, toApiError } from './errors.ts'
import { browserHeaders, hostCheck } from './guards.ts'
import { imageReader } from './images.ts'
import { keyCheck } from './keys.ts'
import { look } from './look.ts'
import type { LookDefaults } from './look-defaults.ts'
import { makeMetrics } from './metrics.ts'
import { modelEntry } from './openai.ts'
import { page } from './page.ts'
import { Pictures, type Seeing } from './pictures.ts'
import { requestLog } from './request-log.ts'
import type { Env, Serving } from './serving.ts'
import { Work } from './work.ts'

export interface AppOptions {
  readonly vicrop: Seeing
  /** The name under which it is served. */
  readonly model: string
  readonly defaults: LookDefaults
  readonly maxNewTokens: number
  readonly limits: AppLimits
  /** From which addresses pictures are fetched that are named by URL. */
  readonly imageUrls: ImageUrls
  /** Who knows one of these is let in; without any, everybody. */
  readonly keys: readonly string[]
  /** Origins whose pages may use the API. */
  readonly origins: readonly string[]
  /** The names by which the server may be called; null: any. */
  readonly hosts: readonly string[] | null
  /** A folder with a page to serve at `/`, and how many layers it lets one choose of. */
  readonly page: { readonly folder: string; readonly layerCount: number } | null
  readonly log: Logger
}

export type ImageUrls = 'public' | 'any' | 'none'

export interface AppLimits {
  /** Requests taken in at once. */
  readonly maxQueue: number
  readonly timeoutMs: number
  /** Bytes and pixels of one picture's file. */
  readonly maxImageBytes: number
  readonly maxPixels: number
  /** Pictures kept encoded, and bytes of them. */
  readonly maxPictures: number
  readonly maxPictureBytes: number
}

export interface App {
  readonly fetch: Hono<Env>['fetch']
  readonly request: Hono<Env>['request']
  /** From now on takes no more requests, and tells clients to close their connections. */
  drain(): void
}

/** What fetching one picture may take. */
const fetchTimeoutMs = 10_000

/** How many pictures of the largest size fit into a request, in base64, beside text. */
const picturesInBody = 3

/** The server without its socket: what it answers to a request. */
export function createApp(options: AppOptions): App {
  const serving = makeServing(options)
  const { keys, origins, hosts, log, model } = options
  let draining = false
  const app = new Hono<Env>()
  app.use(requestId(), requestLog(log, serving.metrics), browserHeaders())
  app.use(async (c, next) => {
    await next()
    c.header('x-request-id', c.get('requestId'))
    if (draining) c.header('connection', 'close')
  })
  if (origins.length > 0)
    app.use('/v1/*', cors({ origin: [...origins], exposeHeaders: ['x-request-id', 'retry-after'] }))
  if (hosts !== null) app.use(hostCheck(hosts))
  app.get('/health', c => c.json({ status: 'ok' }))
  app.get('/ready', c => (draining ? c.json({ status: 'draining' }, 503) : c.json({ status: 'ready' })))
  const check = keyCheck(keys)
  const withKey: MiddlewareHandler = async (c, next) => {
    check(c.req.header('authorization'))
    if (draining && c.req.method === 'POST') throw shuttingDown()
    await next()
  }
  app.use('/v1/*', withKey)
  app.use('/metrics', withKey)
  app.get('/metrics', async c => c.text(await serving.metrics.text()))
  const entry = modelEntry(model, Math.floor(Date.now() / 1000))
  app.get('/v1/models', c => c.json({ object: 'list', data: [entry] }))
  app.get('/v1/models/:id{.+}', c => {
    if (c.req.param('id') === model) return c.json(entry)
    throw new ApiError(404, `The model is not served here. Served: "${model}".`, { code: 'model_not_found' })
  })
  app.post('/v1/chat/completions', c => chat(c, serving))
  app.post('/v1/look', c => look(c, serving))
  if (options.page !== null) {
    // In place of the page's own file, which says that no server answers for it.
    const { folder, layerCount } = options.page
    const facts = { layerCount, needsKey: keys.length > 0 }
    app.get('/server.json', c => c.json(facts))
    app.route('/', page(folder))
  }
  app.notFound(c => errorResponse(new ApiError(404, `${c.req.method} ${c.req.path}: not found.`)))
  app.onError((error, c) => {
    c.set('error', error)
    return errorResponse(toApiError(error))
  })
  return {
    fetch: app.fetch,
    request: app.request,
    drain: () => {
      draining = true
    },
  }
}

const shuttingDown = (): ApiError =>
  new ApiError(503, 'The server is shutting down.', { code: 'shutting_down', retryAfterS: 1 })

function makeServing({ vicrop, model, defaults, maxNewTokens, limits, imageUrls }: AppOptions): Serving {
  const { maxQueue, timeoutMs, maxImageBytes, maxPixels, maxPictures, maxPictureBytes } = limits
  const work = new Work({ maxQueue, timeoutMs })
  const pictures = new Pictures(vicrop, { maxPixels, maxPictures, maxBytes: maxPictureBytes })
  const mayFetch = { public: isPublicAddress, any: () => true, none: null }[imageUrls]
  return {
    model,
    work,
    pictures,
    readImage: imageReader({ maxBytes: maxImageBytes, timeoutMs: fetchTimeoutMs, mayFetch }),
    maxBodyBytes: Math.ceil((picturesInBody * maxImageBytes * 4) / 3) + 2 ** 20,
    defaults,
    maxNewTokens,
    metrics: makeMetrics(work, pictures),
  }
}
