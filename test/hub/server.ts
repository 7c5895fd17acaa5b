import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, relative, sep } from 'node:path'

// A hub on loopback that speaks the protocol of the real one, as far as models are read from it: a list of files for a
// revision; for every file an address whose headers say size and hash; contents of large files on a second origin.
// Written after huggingface_hub's client (file_download.py, hf_api.py).

export const commit = '0123456789abcdef0123456789abcdef01234567'

export interface SeenRequest {
  readonly origin: 'hub' | 'cdn'
  readonly method: string
  readonly path: string
  readonly range: string | undefined
  readonly authorization: string | undefined
}

/** What goes wrong; to be changed while it runs. */
export interface Faults {
  /** Contents are cut off after so many bytes, each entry once. */
  cuts: number[]
  /** Contents of these files come with one bit changed. */
  corrupt: Set<string>
  /** Contents of these files go on after their end. */
  tooLong: Set<string>
  /** Listed, and not there. */
  gone: Set<string>
  ignoresRanges: boolean
  /** The second origin refuses so many requests. */
  expired: number
  /** Answers in place of the hub. */
  instead: ((request: IncomingMessage, response: ServerResponse) => boolean) | null
  /** Contents of weights stop after so many bytes until `resume` is called. */
  holdAfter: number | null
}

export interface FakeHub {
  readonly endpoint: string
  readonly requests: SeenRequest[]
  readonly faults: Faults
  /** Branches and tags. */
  readonly refs: Map<string, string>
  /** Contents by commit and path. */
  readonly commits: Map<string, Record<string, Buffer>>
  /** A model's former name. */
  readonly renamed: Map<string, string>
  /** Bytes of contents sent by the second origin. */
  sentBytes(): number
  resume(): void
  close(): Promise<void>
}

const large = /\.(?:safetensors|bin|gguf|pth|onnx)$/

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
export const gitHash = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
export const etagOf = (path: string, bytes: Uint8Array): string =>
  large.test(path) ? sha256(bytes) : gitHash(bytes)

export const filesIn = (folder: string): Record<string, Buffer> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .map(path => [relative(folder, path).replaceAll(sep, '/'), readFileSync(path)]),
  )

/** Serves one model, "org/name", whose `main` is `commit`. */
export async function serveHub(files: Record<string, Buffer>): Promise<FakeHub> {
  const requests: SeenRequest[] = []
  const faults: Faults = {
    cuts: [],
    corrupt: new Set(),
    tooLong: new Set(),
    gone: new Set(),
    ignoresRanges: false,
    expired: 0,
    instead: null,
    holdAfter: null,
  }
  const refs = new Map([['main', commit]])
  const commits = new Map([[commit, files]])
  const renamed = new Map<string, string>()
  let [sent, resume] = [0, (): void => {}]
  let held = new Promise<void>(done => {
    resume = done
  })

  const see = (origin: SeenRequest['origin'], request: IncomingMessage): void => {
    const { range, authorization } = request.headers
    requests.push({
      origin,
      method: request.method as string,
      path: decodeURIComponent(request.url as string),
      range,
      authorization,
    })
  }

  async function sendContent(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    bytes: Buffer,
    headers: Record<string, string>,
  ): Promise<void> {
    const asked = faults.ignoresRanges ? null : /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
    const [from, to] = [Number(asked?.[1] ?? 0), Number(asked?.[2] || bytes.length - 1)]
    if (asked) headers = { ...headers, 'content-range': `bytes ${from}-${to}/${bytes.length}` }
    let part = Buffer.from(bytes.subarray(from, to + 1))
    if (faults.corrupt.has(path)) part[part.length - 1] = (part.at(-1) as number) ^ 1
    if (faults.tooLong.has(path)) part = Buffer.concat([part, Buffer.from('more')])
    response.writeHead(asked ? 206 : 200, { ...headers, 'content-length': String(part.length) })
    if (request.method === 'HEAD') return void response.end()
    const isWeights = large.test(path)
    if (isWeights && faults.holdAfter !== null) {
      const { holdAfter } = faults
      response.write(part.subarray(0, holdAfter))
      await held
      part = part.subarray(holdAfter)
    }
    const cut = isWeights ? faults.cuts.shift() : undefined
    sent += isWeights ? Math.min(part.length, cut ?? part.length) : 0
    if (cut === undefined) return void response.end(part)
    response.write(part.subarray(0, cut), () => setTimeout(() => response.destroy(), 20))
  }

  const refuse = (response: ServerResponse, status: number, code: string): void => {
    response.writeHead(status, { 'x-error-code': code, 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: code }))
  }

  const cdn = createServer((request, response) => {
    see('cdn', request)
    if (faults.expired-- > 0) return refuse(response, 403, '')
    const hash = new URL(request.url as string, 'http://cdn').pathname.slice(1)
    for (const contents of commits.values()) {
      const found = Object.entries(contents).find(([path, bytes]) => etagOf(path, bytes) === hash)
      // A CDN has ETags of its own.
      if (found) return void sendContent(request, response, ...found, { etag: '"abc-1"' })
    }
    refuse(response, 404, 'EntryNotFound')
  })
  const cdnAddress = await listen(cdn)

  const hub = createServer((request, response) => {
    see('hub', request)
    if (faults.instead?.(request, response)) return
    const path = decodeURIComponent(request.url as string)
    for (const [old, current] of renamed) {
      if (path.includes(`/${old}/`)) {
        response.writeHead(307, { location: path.replace(old, current) })
        return void response.end()
      }
    }
    const list = /^\/api\/models\/org\/name\/revision\/(.+)$/.exec(path)
    const file = /^\/org\/name\/resolve\/([^/]+)\/(.+)$/.exec(path)
    if (list === null && file === null) return refuse(response, 404, 'RepoNotFound')
    const revision = (list?.[1] ?? file?.[1]) as string
    const sha = refs.get(revision) ?? revision
    const contents = commits.get(sha)
    if (contents === undefined) return refuse(response, 404, 'RevisionNotFound')
    if (list !== null) {
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' })
      const siblings = Object.keys(contents).map(rfilename => ({ rfilename }))
      return void response.end(JSON.stringify({ id: 'org/name', sha, gated: false, siblings }))
    }
    const name = file?.[2] as string
    const bytes = faults.gone.has(name) ? undefined : contents[name]
    if (bytes === undefined) return refuse(response, 404, 'EntryNotFound')
    const etag = `"${etagOf(name, bytes)}"`
    const headers = { 'x-repo-commit': sha, 'accept-ranges': 'bytes' }
    if (!large.test(name)) return void sendContent(request, response, name, bytes, { ...headers, etag })
    response.writeHead(302, {
      ...headers,
      location: `${cdnAddress}/${sha256(bytes)}?signature=abc`,
      'x-linked-etag': etag,
      'x-linked-size': String(bytes.length),
    })
    response.end()
  })
  const endpoint = await listen(hub)

  return {
    endpoint,
    requests,
    faults,
    refs,
    commits,
    renamed,
    sentBytes: () => sent,
    resume() {
      faults.holdAfter = null
      resume()
      held = new Promise(done => {
        resume = done
      })
    },
    async close() {
      resume()
      for (const server of [hub, cdn]) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
