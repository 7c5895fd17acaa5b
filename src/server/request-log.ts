import type { MiddlewareHandler } from 'hono'
import type { Logger } from 'pino'
import { toApiError } from './errors.ts'
import type { Metrics } from './metrics.ts'
import type { Env } from './serving.ts'

/** Asked every few seconds by those who watch the server. */
const watched = ['/health', '/ready', '/metrics']

/** Routes that metrics tell apart; there are as many others as clients can think of. */
const routes = ['/v1/chat/completions', '/v1/look', '/v1/models', '/mcp', ...watched]

/** Logs and measures every request when its response is complete: no questions, no answers, no pictures. */
export function requestLog(log: Logger, metrics: Metrics): MiddlewareHandler<Env> {
  return async (c, next) => {
    const start = performance.now()
    await next()
    const write = (): void => {
      const ms = performance.now() - start
      const { method, path } = c.req
      const { status } = c.res
      const error = c.get('error')
      const failure = error === undefined ? null : toApiError(error)
      metrics.responded(routes.includes(path) ? path : 'other', status, ms / 1000)
      const level = levelOf(path, failure?.status ?? status)
      log[level](
        {
          id: c.get('requestId'),
          method,
          path,
          status,
          ms: Math.round(ms),
          look: c.get('looked'),
          ...(failure && { failure: failure.status, code: failure.code, error: failure.message }),
          ...(failure?.cause instanceof Error && { err: failure.cause }),
        },
        'request',
      )
    }
    void (c.get('ended') ?? Promise.resolve()).then(write)
  }
}

/** Only a fault of the server itself is an error to look into. */
function levelOf(path: string, status: number): 'error' | 'warn' | 'info' | 'debug' {
  if (status >= 500) return status === 500 ? 'error' : 'warn'
  return watched.includes(path) ? 'debug' : 'info'
}
