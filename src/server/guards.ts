import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { ApiError } from './errors.ts'

/**
 * Lets requests through that name one of these hosts. A server without keys on loopback would otherwise be open to every
 * page whose name is made to point there.
 */
export function hostCheck(hosts: readonly string[]): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header('host') ?? ''
    const { hostname } = URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : { hostname: '' }
    if (hosts.includes(hostname)) return next()
    throw new ApiError(
      403,
      `Requests for the host "${host}" are not answered. Set an API key to allow any.`,
      {
        code: 'host_not_allowed',
      },
    )
  }
}

/** Refuses requests that a page of another origin makes, unless that is let in. */
export const originCheck =
  (origins: readonly string[]): MiddlewareHandler =>
  async (c, next) => {
    const origin = c.req.header('origin')
    const own = `//${c.req.header('host')}`
    if (origin === undefined || origin.endsWith(own) || origins.includes(origin)) return next()
    throw new ApiError(403, `Pages of ${origin} are not let in.`, { code: 'origin_not_allowed' })
  }

export const loopbackHosts: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

/**
 * What browsers are told. The page runs its own code alone, WebAssembly and workers included, shows pictures that it was
 * given, and may read checkpoints from elsewhere; being isolated from other origins it has threads.
 */
export const browserHeaders = (): MiddlewareHandler =>
  secureHeaders({
    strictTransportSecurity: false,
    crossOriginEmbedderPolicy: 'require-corp',
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'", "'wasm-unsafe-eval'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'data:', 'blob:'],
      connectSrc: ["'self'", 'https:', 'data:', 'blob:'],
      workerSrc: ["'self'", 'blob:'],
      fontSrc: ["'self'"],
      manifestSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  })
