import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

/** The page as `npm run build:page` leaves it. */
export const pageFolder = at('dist/page')

export interface Site {
  readonly origin: string
  close(): Promise<unknown>
}

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

/** The page's files and nothing more, as any host has them. */
export async function staticSite(): Promise<Site> {
  const server = createServer(({ url = '/' }, response) => {
    const file = join(pageFolder, url === '/' ? 'index.html' : decodeURIComponent(url))
    if (!existsSync(file)) return response.writeHead(404).end()
    response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream')
    response.end(readFileSync(file))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const close = async (): Promise<void> => {
    server.close()
    server.closeAllConnections()
  }
  return { origin: `http://localhost:${(server.address() as AddressInfo).port}`, close }
}

/** `vicrop serve`, as a process. */
export async function servedSite(): Promise<Site> {
  const child = spawn(
    process.execPath,
    [at('dist/cli/main.js'), 'serve', '--port', '0', '--log-level', 'error'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const ended = new Promise(resolve => child.once('exit', resolve))
  for await (const line of createInterface(child.stdout)) {
    const origin = /^page\s+(http:\S+)$/.exec(line)?.[1]
    if (origin !== undefined)
      return {
        origin,
        close() {
          child.kill()
          return ended
        },
      }
  }
  throw new Error('vicrop serve has ended without saying where the page is')
}
