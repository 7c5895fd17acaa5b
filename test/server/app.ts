import { readFileSync } from 'node:fs'
import pino from 'pino'
import type { Picture } from '../../src/picture.ts'
import { type App, type AppLimits, type AppOptions, createApp } from '../../src/server/app.ts'
import type { Seeing } from '../../src/server/pictures.ts'
import { picturePath } from '../models/fixtures.ts'

// The server without a socket: requests in, responses out.

export const limits: AppLimits = {
  maxQueue: 8,
  timeoutMs: 60_000,
  maxImageBytes: 2 ** 20,
  maxPixels: 1_000_000,
  maxPictures: 4,
  maxPictureBytes: 2 ** 30,
}

export const makeApp = (
  vicrop: Seeing,
  { limits: some, ...more }: Partial<Omit<AppOptions, 'limits'>> & { limits?: Partial<AppLimits> } = {},
): App =>
  createApp({
    vicrop,
    model: 'tiny',
    version: '1.2.3',
    defaults: { method: 'rel-att' },
    maxNewTokens: 20,
    imageUrls: 'none',
    keys: [],
    origins: [],
    hosts: null,
    page: null,
    upstream: null,
    log: pino({ level: 'silent' }),
    ...more,
    limits: { ...limits, ...some },
  })

export const fileOf = (name: string): Buffer => readFileSync(picturePath(name))

export const dataUrl = (file: Uint8Array, type = 'png'): string =>
  `data:image/${type};base64,${Buffer.from(file).toString('base64')}`

export const question = 'What is the colour of the small sign?'

/** A message of a picture and a question about it. */
export const about = (name: string, text = question): object => ({
  role: 'user',
  content: [
    { type: 'image_url', image_url: { url: dataUrl(fileOf(name)) } },
    { type: 'text', text },
  ],
})

export const json = { 'content-type': 'application/json' }

export async function post(
  app: Pick<App, 'request'>,
  path: string,
  body: unknown,
  init: RequestInit = {},
): Promise<Response> {
  const headers = { ...json, ...(init.headers as object) }
  return app.request(path, { ...init, method: 'POST', headers, body: JSON.stringify(body) })
}

export const ask = (
  app: Pick<App, 'request'>,
  more: object = {},
  init: RequestInit = {},
): Promise<Response> =>
  post(app, '/v1/chat/completions', { model: 'tiny', messages: [about('wide')], ...more }, init)

// biome-ignore lint/suspicious/noExplicitAny: what a response holds is for each test to say
export type Body = any

/** The events of a stream, parsed but for the last. */
export async function eventsOf(response: Response): Promise<Body[]> {
  const text = await response.text()
  return text
    .split('\n\n')
    .filter(event => event !== '')
    .map(event => event.replace(/^data: /, ''))
    .map(data => (data === '[DONE]' ? data : JSON.parse(data)))
}

/** A model that says what it is asked, and answers when it is told to. */
export function fakeModel(answering: () => Promise<void> = async () => {}): Seeing & { seen: number } {
  const model = {
    seen: 0,
    async see() {
      model.seen++
      return fakePicture(answering)
    },
  }
  return model as unknown as Seeing & { seen: number }
}

function fakePicture(answering: () => Promise<void>): Picture {
  const look = async (text: string, { signal }: { signal?: AbortSignal }) => {
    signal?.throwIfAborted()
    await answering()
    signal?.throwIfAborted()
    return {
      question: text,
      method: 'none',
      layers: [],
      connectorLayers: [],
      target: null,
      variant: null,
      blocks: null,
      image: { width: 2, height: 1 },
      crop: null,
      cropReason: 'method none',
      importance: null,
      timings: { totalMs: 1 },
    }
  }
  const ask = async (text: string, options: { signal?: AbortSignal }) => ({
    ...(await look(text, options)),
    others: [],
    answer: `about ${text}`,
    plainAnswer: `about ${text}`,
    usage: { promptTokens: 3, answerTokens: 2 },
    finishReason: 'stop',
  })
  const image = { width: 2, height: 1, data: new Uint8Array(6) }
  return { image, bytes: 1000, look, ask, release: () => {} } as unknown as Picture
}
