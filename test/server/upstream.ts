import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { type Answer, ViCrop } from '../../src/index.ts'
import type { App, AppOptions } from '../../src/server/app.ts'
import { modelPath, picturePath } from '../models/fixtures.ts'
import { type Body, json, makeApp, question } from './app.ts'

// An upstream server of the OpenAI API, and vicrop before it.

export type Answering = (response: ServerResponse, request: IncomingMessage) => void

/** A request that came upstream. */
export interface Seen {
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

type Proxying = Partial<NonNullable<AppOptions['upstream']>>
type MakingApp = Parameters<typeof makeApp>[1]

export interface Upstream {
  /** How it answers; to be set by each test. */
  answer: Answering
  /** The requests of this test, and how many of them were left before they were answered. */
  readonly seen: Seen[]
  left: number
  /** The body of the last one. */
  sent(): Body
  /** vicrop before it, as it is with nothing else said. */
  readonly app: App
  proxy(upstream?: Proxying, options?: MakingApp): App
  proxyOf(vicrop: AppOptions['vicrop'], upstream?: Proxying, options?: MakingApp): App
  /** How the library looks at the wide picture. */
  readonly expected: Answer
}

/** The upstream server of a test file, and what is before it. */
export function useUpstream(): Upstream {
  let [url, vicrop, app, expected] = ['', null as ViCrop | null, null as App | null, null as Answer | null]
  const upstream: Upstream = {
    answer: response => response.end(),
    seen: [],
    left: 0,
    sent: () => JSON.parse(upstream.seen.at(-1)?.text as string),
    get app() {
      return app as App
    },
    get expected() {
      return expected as Answer
    },
    proxy: (more, options) => upstream.proxyOf(vicrop as ViCrop, more, options),
    proxyOf: (looking, more = {}, options = {}) =>
      makeApp(looking, { ...options, upstream: { url, model: null, key: null, timeoutMs: 2000, ...more } }),
  }
  const server = createServer(async (request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) upstream.left++
    })
    let text = ''
    for await (const part of request) text += part
    upstream.seen.push({ url: request.url, headers: request.headers, text })
    upstream.answer(response, request)
  })
  beforeAll(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
    vicrop = await ViCrop.open(modelPath('base'))
    app = upstream.proxy()
    using wide = await vicrop.see(picturePath('wide'))
    expected = await wide.ask(question)
  })
  afterAll(async () => {
    server.closeAllConnections()
    server.close()
    await vicrop?.release()
  })
  afterEach(() => {
    upstream.seen.length = 0
    upstream.left = 0
  })
  return upstream
}

export const completion = {
  id: 'x',
  object: 'chat.completion',
  choices: [{ message: { content: 'red' } }],
  odd: 1,
}

export const sendJson =
  (body: unknown, status = 200, headers: object = {}): Answering =>
  response =>
    void response
      .writeHead(status, { ...json, ...headers })
      .end(typeof body === 'string' ? body : JSON.stringify(body))

export async function bodyOf(response: Response, status = 200): Promise<Body> {
  const body = await response.json()
  expect(response.status, JSON.stringify(body)).toBe(status)
  return body
}
