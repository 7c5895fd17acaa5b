import pino from 'pino'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { ViCrop } from '../../src/index.ts'
import type { App } from '../../src/server/app.ts'
import { modelPath } from '../models/fixtures.ts'
import { about, ask, type Body, dataUrl, fakeModel, fileOf, json, makeApp, post, question } from './app.ts'

let vicrop: ViCrop
let app: App
beforeAll(async () => {
  vicrop = await ViCrop.open(modelPath('base'))
  app = makeApp(vicrop)
})
afterAll(() => vicrop.release())

async function errorOf(response: Response, status: number): Promise<Body> {
  const body: Body = await response.json()
  expect(response.status, JSON.stringify(body)).toBe(status)
  expect(Object.keys(body)).toEqual(['error'])
  expect(Object.keys(body.error)).toEqual(['message', 'type', 'param', 'code'])
  return body.error
}

const image = (url: string): object => ({ type: 'image_url', image_url: { url } })
const text = { type: 'text', text: question }
const user = (...content: object[]): object => ({ messages: [{ role: 'user', content }] })
const wide = image(dataUrl(fileOf('wide')))

describe('a chat request is refused, in the form of the OpenAI API, that', () => {
  test.each([
    ['names no messages', { messages: undefined }, /^messages: /, 'messages'],
    ['has none', { messages: [] }, /^messages: /, 'messages'],
    [
      'has a message without a role',
      { messages: [{ content: 'x' }] },
      /^messages\.0\.role: /,
      'messages.0.role',
    ],
    ['is about nothing', { messages: [{ role: 'user', content: question }] }, /have no picture/, 'messages'],
    [
      'has no user',
      { messages: [{ role: 'system', content: 'x' }] },
      /none is of the role "user"/,
      'messages',
    ],
    ['asks nothing', user(wide), /^messages\.0\.content: has no text/, 'messages.0.content'],
    ['asks spaces', user(wide, { type: 'text', text: ' ' }), /has no text/, 'messages.0.content'],
    [
      'has a part that is none',
      user({ type: 'image_url', image_url: { url: 7 } }, text),
      /^messages\.0\.content\.0\.image_url\.url: .*expected string/,
      'messages.0.content.0.image_url.url',
    ],
    [
      'has a content that is none',
      { messages: [{ role: 'user', content: 7 }] },
      /^messages\.0\.content: Invalid input$/,
      'messages.0.content',
    ],
    ['has nine pictures', user(...Array(9).fill(wide), text), /9 pictures, at most 8 are taken/, 'messages'],
    ['has sound', user(wide, text, { type: 'input_audio' }), /"input_audio"/, 'messages.0.content'],
    ['wants several', { n: 2 }, /^n: not supported/, 'n'],
    ['wants tools', { tools: [{ type: 'function' }] }, /^tools: not supported/, 'tools'],
    ['wants a tool', { tool_choice: 'required' }, /^tool_choice: /, 'tool_choice'],
    ['wants JSON', { response_format: { type: 'json_object' } }, /^response_format: /, 'response_format'],
    ['wants probabilities', { logprobs: true }, /^logprobs: /, 'logprobs'],
    ['wants a bias', { logit_bias: { 5: 1 } }, /^logit_bias: /, 'logit_bias'],
    ['wants to stop', { stop: ['.'] }, /^stop: /, 'stop'],
    ['wants to hear', { modalities: ['text', 'audio'] }, /^modalities: /, 'modalities'],
    ['wants no token', { max_tokens: 0 }, /^max_tokens: /, 'max_tokens'],
    [
      'wants half a token',
      { max_completion_tokens: 0.5 },
      /^max_completion_tokens: /,
      'max_completion_tokens',
    ],
    ['has an unknown option', { vicrop: { methods: 'x' } }, /^vicrop: .*methods/, 'vicrop'],
    ['has an unknown method', { vicrop: { method: 'best' } }, /^vicrop\.method: .*rel-att/, 'vicrop.method'],
    ['has an unknown map', { vicrop: { map: 'svg' } }, /^vicrop\.map: /, 'vicrop.map'],
    [
      'has a wild crop',
      { vicrop: { crop: { x: -1, y: 0, width: 1, height: 1 } } },
      /^vicrop\.crop\.x: /,
      'vicrop.crop.x',
    ],
  ])('%s', async (_, more, message, param) => {
    const error = await errorOf(await ask(app, more), 400)
    expect(error).toMatchObject({ type: 'invalid_request_error', param })
    expect(error.message).toMatch(message)
    expect(error.message).not.toContain('\n')
  })

  test.each([
    ['reads a layer that is not there', { layers: [3] }, 'layer 3: the model has layers 0 to 2.'],
    ['gives pure-grad layers', { method: 'pure-grad', layers: [1] }, 'method pure-grad reads no layers'],
    [
      'crops outside',
      { crop: { x: 150, y: 0, width: 50, height: 10 } },
      'is not a box of whole pixels inside',
    ],
  ])('%s, streaming or not', async (_, field, message) => {
    for (const stream of [false, true]) {
      const error = await errorOf(await ask(app, { vicrop: field, stream }), 400)
      expect(error.message).toContain(message)
    }
  })

  it('has more text than the model has room for', async () => {
    const messages = [about('wide', 'what is the '.repeat(1000))]
    const error = await errorOf(await ask(app, { messages, stream: true }), 400)
    expect(error.message).toMatch(/^prompt: \d{4} positions, the model has room for 512\./)
  })

  it('names another model', async () => {
    const error = await errorOf(await ask(app, { model: 'gpt-4o' }), 404)
    expect(error).toMatchObject({ param: 'model', code: 'model_not_found' })
    expect(error.message).toBe('model: "gpt-4o" is not served here. Served: "tiny".')
  })

  test.each([
    ['is no JSON', '{"model":', json, 400],
    ['is JSON of another kind', '[]', json, 400],
    ['does not say that it is JSON', '{}', { 'content-type': 'text/plain' }, 415],
    ['says nothing of its type', new Uint8Array(2), {}, 415],
    ['is too long, and says so', 'x'.repeat(5_300_000), { ...json, 'content-length': '5300000' }, 413],
    ['is too long, and does not say so', new Blob(['x'.repeat(5_300_000)]).stream(), json, 413],
  ])('%s', async (_, body, headers, status) => {
    const request = { method: 'POST', headers, body, duplex: 'half' } as RequestInit
    await errorOf(await app.request('/v1/chat/completions', request), status)
  })
})

describe('a picture is refused that', () => {
  const refused = async (url: string, status = 400): Promise<string> =>
    (await errorOf(await ask(app, user(image(url), text)), status)).message

  test.each([
    ['is no data URL', 'data:,', 'expected "data:image/TYPE;base64,"'],
    ['is a text', `data:text/plain;base64,${btoa('hello')}`, 'expected "data:image/TYPE;base64,"'],
    ['is not in base64', 'data:image/svg+xml,<svg/>', 'expected "data:image/TYPE;base64,"'],
    ['is empty', 'data:image/png;base64,', 'image: empty file'],
    ['is garbage', 'data:image/png;base64,@@@@', 'image: empty file'],
    ['only says that it is one', dataUrl(Buffer.from('hello')), 'image: not a picture that can be read'],
    [
      'is an SVG',
      dataUrl(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'svg+xml'),
      'image: is SVG',
    ],
    ['is cut off', dataUrl(fileOf('wide').subarray(0, 2000)), 'image: damaged or cut off'],
    ['is on the web, where none is fetched', 'https://example.org/a.png', 'data URLs alone'],
    ['is a file here', 'file:///etc/passwd', 'data URLs alone'],
    ['is a path here', '/etc/passwd', 'data URLs alone'],
  ])('%s', async (_, url, message) => {
    expect(await refused(url)).toContain(message)
  })

  it('has too large a file', async () => {
    expect(await refused(dataUrl(Buffer.alloc(2 ** 20 + 1)), 413)).toContain('more than the 1048576 bytes')
  })

  it('unfolds to too many pixels, of which none is decoded', async () => {
    const flat = { create: { width: 16_000, height: 16_000, channels: 3, background: 'red' } } as const
    const bomb = await sharp(flat).png({ compressionLevel: 9 }).toBuffer()
    expect(bomb.length).toBeLessThan(2 ** 20)
    const before = process.memoryUsage().rss
    expect(await refused(dataUrl(bomb))).toBe(
      'image: 16000x16000 pixels, at most 1000000 are taken. Scale it down or cut it.',
    )
    expect(process.memoryUsage().rss - before).toBeLessThan(300e6)
  })
})

describe('what is not there', () => {
  test.each([
    ['GET', '/v1/chat/completions'],
    ['POST', '/v1/completions'],
    ['GET', '/../../etc/passwd'],
    ['GET', '/%2e%2e%2fetc%2fpasswd'],
    ['GET', '/'],
  ])('is not found: %s %s', async (method, path) => {
    const error = await errorOf(await app.request(path, { method }), 404)
    expect(error.type).toBe('not_found_error')
  })
})

describe('a fault of the server', () => {
  const secret = new Error('/home/somebody/model.safetensors cannot be read')

  it('is not described to clients, but in the log, under the id that they were told', async () => {
    const lines: string[] = []
    const log = pino({ level: 'info' }, { write: line => void lines.push(line) })
    const broken = makeApp(
      fakeModel(() => Promise.reject(secret)),
      { log },
    )
    for (const stream of [false, true]) {
      const response = await ask(broken, { stream })
      const id = response.headers.get('x-request-id')
      const error = await errorOf(response, 500)
      expect(error).toMatchObject({ type: 'server_error', code: 'internal_error' })
      expect(error.message).not.toContain('somebody')
      expect(JSON.parse(lines.pop() as string)).toMatchObject({
        id,
        level: 50,
        status: 500,
        err: { message: secret.message },
      })
    }
  })

  it('in a stream that has begun ends it with an error, and without [DONE]', async () => {
    const model = fakeModel()
    const see = async (...args: Parameters<typeof model.see>) => {
      const picture = await model.see(...args)
      return Object.assign(picture, {
        async ask(_: string, { onText }: { onText: (piece: object) => void }) {
          onText({ of: 'answer', text: 'so' })
          throw secret
        },
      })
    }
    const response = await ask(makeApp({ see }), { stream: true })
    expect(response.status).toBe(200)
    const events = (await response.text()).trim().split('\n\n')
    expect(events).toHaveLength(3)
    expect(JSON.parse((events[2] as string).slice('data: '.length)).error.code).toBe('internal_error')
  })
})

it('never logs what is in pictures, questions and answers', async () => {
  const lines: string[] = []
  const log = pino({ level: 'debug' }, { write: line => void lines.push(line) })
  const logging = makeApp(vicrop, { log, keys: ['the-key'] })
  const headers = { authorization: 'Bearer the-key' }
  const answer = await (await ask(logging, {}, { headers })).json()
  await post(logging, '/v1/look', { image: dataUrl(fileOf('wide')), question }, { headers })
  await ask(logging, user(image('data:image/png;base64,AAAA'), text), { headers })
  await logging.request('/health')
  expect(lines).toHaveLength(4)
  const all = lines.join('')
  for (const word of ['sign', 'base64', 'AAAA', 'the-key', answer.choices[0].message.content])
    expect(all).not.toContain(word)
  expect(JSON.parse(lines[0] as string)).toMatchObject({
    method: 'POST',
    path: '/v1/chat/completions',
    status: 200,
    look: { picture: '163x122', wasKept: false, promptTokens: answer.usage.prompt_tokens },
  })
})
