import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const types: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
}

export const repository = fileURLToPath(new URL('../..', import.meta.url))

export interface Site {
  readonly origin: string
  close(): Promise<unknown>
}

export interface FileSite extends Site {
  /** Answers instead of the files, where it returns true. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean
}

/**
 * Serves the files of a folder, and behind it those of others.
 *
 * @param isolated so that pages have threads
 */
export async function serve(folders: readonly string[], { isolated = false } = {}): Promise<FileSite> {
  const server = createServer((request, response) => {
    const { url = '/' } = request
    if (isolated) {
      response.setHeader('cross-origin-opener-policy', 'same-origin')
      response.setHeader('cross-origin-embedder-policy', 'require-corp')
    }
    if (site.intercept(request, response)) return
    const path = url === '/' ? '/index.html' : decodeURIComponent(url.split('?')[0] as string)
    const file = folders.map(folder => join(folder, path)).find(one => existsSync(one))
    if (file === undefined || !statSync(file).isFile()) response.writeHead(404).end()
    else sendFile(file, request, response)
  })
  await listening(server)
  const site: FileSite = {
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    intercept: () => false,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return site
}

const listening = (server: Server): Promise<void> =>
  new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

/** With ranges and conditional requests, as file servers have them. */
export function sendFile(file: string, { headers }: IncomingMessage, response: ServerResponse): void {
  const { size, mtime } = statSync(file)
  const modified = mtime.toUTCString()
  response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream')
  response.setHeader('last-modified', modified)
  if (headers['if-modified-since'] === modified) {
    response.writeHead(304).end()
    return
  }
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
  const range =
    from === undefined ? {} : { start: Number(from), end: to ? Math.min(Number(to), size - 1) : size - 1 }
  const { start = 0, end = size - 1 } = range
  response.setHeader('content-length', end - start + 1)
  if (from !== undefined) response.setHeader('content-range', `bytes ${start}-${end}/${size}`)
  response.writeHead(from === undefined ? 200 : 206)
  createReadStream(file, range).pipe(response)
}
