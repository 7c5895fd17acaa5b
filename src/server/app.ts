import { Hono, type MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import { requestId } from 'hono/request-id'
import type { Logger } from 'pino'
import { isPublicAddress } from './addresses.ts'
import { chat } from './chat.ts'
import { ApiError, errorResponse, toApiError } from './errors.ts'
import { browserHeaders, hostCheck, originCheck } from './guards.ts'
import { imageReader } from './images.ts'
import { keyCheck } from './keys.ts'
import { look } from './look.ts'
import type { LookDefaults } from './look-defaults.ts'
import { mcpRoute } from './mcp-route.ts'
import { makeMetrics } from './metrics.ts'
import { modelEntry } from './openai.ts'
import { page } from './page.ts'
import { Pictures, type Seeing } from './pictures.ts'
import { proxiedChat, proxiedModels } from './proxy.ts'
import { requestLog } from './request-log.ts'
import type { Env, Serving } from './serving.ts'
import { openUpstream, type UpstreamOptions } from './upstream.ts'
import { Work } from './work.ts'

export interface AppOptions {
  readonly vicrop: Seeing
  /** The version of vicrop, for clients of the Model Context Protocol. */
  readonly version: string
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
  readonly page: ServedPage | null
  /** Who answers in the place of the model here, which then only looks. */
  readonly upstream: UpstreamOptions | null
  readonly log: Logger
}

/** A page to serve at `/`. */
interface ServedPage {
  readonly folder: string
  /** Of the model that it opens in a browser. */
  readonly modelFolder: string
  /** How many layers it lets one choose of the model that is served. */
  readonly layerCount: number
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
  const state: State = { isDraining: false }
  const app = new Hono<Env>()
  app.use(requestId(), requestLog(options.log, serving.metrics), browserHeaders(), connectionHeaders(state))
  addHealth(app, state)
  addGuards(app, options, state)
  addApi(app, options, serving)
  const mcp = mcpRoute(serving, options.version, options.log)
  app.all('/mcp', c => mcp.respond(c))
  if (options.page !== null) {
    // In place of the page's own file, which says that no server answers for it.
    const { folder, modelFolder, layerCount } = options.page
    const facts = { layerCount, needsKey: options.keys.length > 0 }
    app.get('/server.json', c => c.json(facts))
    app.route('/', page(folder, modelFolder))
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
      state.isDraining = true
      void mcp.close()
    },
  }
}

interface State {
  isDraining: boolean
}

const connectionHeaders =
  (state: State): MiddlewareHandler<Env> =>
  async (c, next) => {
    await next()
    c.header('x-request-id', c.get('requestId'))
    if (state.isDraining) c.header('connection', 'close')
  }

/** For those who watch the server, under whatever name. */
function addHealth(app: Hono<Env>, state: State): void {
  app.get('/health', c => c.json({ status: 'ok' }))
  app.get('/ready', c =>
    state.isDraining ? c.json({ status: 'draining' }, 503) : c.json({ status: 'ready' }),
  )
}

function addGuards(app: Hono<Env>, { keys, origins, hosts }: AppOptions, state: State): void {
  const letIn = cors({ origin: [...origins], exposeHeaders: ['x-request-id', 'retry-after'] })
  if (origins.length > 0) for (const path of ['/v1/*', '/mcp']) app.use(path, letIn)
  if (hosts !== null) app.use(hostCheck(hosts))
  const check = keyCheck(keys)
  const guard: MiddlewareHandler = async (c, next) => {
    check(c.req.header('authorization'))
    if (state.isDraining && c.req.method === 'POST') throw shuttingDown()
    await next()
  }
  app.use('/mcp', originCheck(origins))
  for (const path of ['/v1/*', '/mcp', '/metrics']) app.use(path, guard)
}

const shuttingDown = (): ApiError =>
  new ApiError(503, 'The server is shutting down.', { code: 'shutting_down', retryAfterS: 1 })

function addApi(app: Hono<Env>, { upstream: options, keys, model }: AppOptions, serving: Serving): void {
  const upstream = options && openUpstream(options, keys.length === 0)
  if (upstream?.model === null) app.get('/v1/models', c => proxiedModels(c, upstream))
  else addModel(app, upstream?.model ?? model)
  app.post('/v1/chat/completions', c =>
    upstream === null ? chat(c, serving) : proxiedChat(c, serving, upstream),
  )
  app.post('/v1/look', c => look(c, serving))
  app.get('/metrics', async c => c.text(await serving.metrics.text()))
}

function addModel(app: Hono<Env>, model: string): void {
  const entry = modelEntry(model, Math.floor(Date.now() / 1000))
  app.get('/v1/models', c => c.json({ object: 'list', data: [entry] }))
  app.get('/v1/models/:id{.+}', c => {
    if (c.req.param('id') === model) return c.json(entry)
    throw new ApiError(404, `The model is not served here. Served: "${model}".`, { code: 'model_not_found' })
  })
}

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
