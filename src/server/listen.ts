import type { Server } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { createAdaptorServer } from '@hono/node-server'
import type { App } from './app.ts'

export interface Listening {
  readonly url: string
  /**
   * Takes no more connections and no more requests, lets those finish that were taken in, and ends.
   * @param withinMs after so long what is left is cut off
   */
  close(withinMs: number): Promise<void>
}

/** Longer than load balancers keep idle connections, so that it is they who close them: 60 s in most. */
const keepAliveMs = 75_000

/** What a client may take to send its headers, and its whole request. */
const headersMs = 15_000
const requestMs = 120_000

/** How long a connection is kept for requests that were sent before the client could know of the end. */
const graceMs = 500

/** How often those are closed that have become idle. */
const sweepMs = 50

export async function listen(app: App, host: string, port: number): Promise<Listening> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    overrideGlobalObjects: false,
    // Of requests of HTTP/1.0, such as the health checks of load balancers, which name none.
    hostname: 'localhost',
  }) as Server
  server.keepAliveTimeout = keepAliveMs
  server.headersTimeout = headersMs
  server.requestTimeout = requestMs
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => reject(unusable(host, port, error)))
    server.listen(port, host, resolve)
  })
  const address = server.address() as { address: string; port: number; family: string }
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  const closeIdle = (): void => {
    server.closeIdleConnections()
    // Those that have sent nothing yet do not count as idle there.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }
  return {
    url: `http://${name}:${address.port}`,
    close(withinMs) {
      app.drain()
      return close(server, closeIdle, withinMs)
    },
  }
}

async function close(server: Server, closeIdle: () => void, withinMs: number): Promise<void> {
  // The system may have taken in connections that are not known here yet; it resets those of whoever stops listening.
  await turn()
  // Not the close of HTTP servers, which cuts idle connections, on which a request may be under way, at once.
  const closed = new Promise<void>(resolve => NetServer.prototype.close.call(server, () => resolve()))
  let sweep: NodeJS.Timeout | undefined
  const grace = setTimeout(() => {
    sweep = setInterval(closeIdle, sweepMs)
  }, graceMs)
  const cut = setTimeout(() => server.closeAllConnections(), withinMs)
  await closed
  clearTimeout(grace)
  clearInterval(sweep)
  clearTimeout(cut)
}

function unusable(host: string, port: number, { code, message }: NodeJS.ErrnoException): Error {
  const known = {
    EADDRINUSE: 'is in use',
    EACCES: 'is not allowed',
    EADDRNOTAVAIL: 'is none of this machine',
  }
  const problem = known[code as keyof typeof known] ?? `cannot be used (${message})`
  return new Error(`${host} port ${port} ${problem}. Choose another with --host and --port.`)
}
