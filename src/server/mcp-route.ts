import type { Logger } from 'pino'
import { toApiError } from './errors.ts'
import { withDefaults } from './look-defaults.ts'
import { type McpBackend, mcpHandler } from './mcp.ts'
import type { Serving, ServingContext } from './serving.ts'

/** The tools of the Model Context Protocol over HTTP, with the pictures and the queue of the other routes. */
export interface McpRoute {
  respond(c: ServingContext): Promise<Response>
  /** Ends what clients keep open to be told of changes. */
  close(): Promise<void>
}

export function mcpRoute(serving: Serving, version: string, log: Logger): McpRoute {
  const handler = mcpHandler(backendOf(serving), {
    version,
    maxRequestBytes: serving.maxBodyBytes,
    onError: err => log.warn({ err }, 'mcp'),
  })
  return { respond: c => handler.fetch(c.req.raw), close: handler.close }
}

const backendOf = ({
  model,
  maxNewTokens,
  work,
  readImage,
  pictures,
  defaults,
  metrics,
}: Serving): McpBackend => ({
  model,
  maxNewTokens,
  imageForms: 'A picture: a data URL, or a URL of http or https.',
  explain: error => toApiError(error).message,
  use: ({ image, options, signal }, ask) =>
    work.take(signal, async turn => {
      const file = await readImage(image, turn.signal)
      const how = { ...withDefaults(options, defaults), signal: turn.signal }
      return turn.compute(() =>
        pictures.use(file, how.method, async (picture, wasKept) => {
          const worked = await ask(picture, how)
          metrics.looked(worked.look, wasKept)
          return worked
        }),
      )
    }),
})
