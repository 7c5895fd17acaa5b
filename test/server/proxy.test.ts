import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import { type Answer, ViCrop } from '../../src/index.ts'
import type { App, AppOptions } from '../../src/server/app.ts'
import { modelPath, picturePath } from '../models/fixtures.ts'
import {
  about,
  ask,
  type Body,
  dataUrl,
  eventsOf,
  fakeModel,
  fileOf,
  json,
  makeApp,
  question,
} from './app.ts'
import { serve } from './running.ts'

// An upstream server of the OpenAI API, and vicrop before it.

interface Seen {
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

const seen: Seen[] = []
/** How it answers; to be changed by each test. */
let answer: (response: ServerResponse, request: IncomingMessage) => void
let left = 0
const server = createServer(async (request, response) => {
  response.on('close', () => {
    if (!response.writableFinished) left++
  })
  let text = ''
  for await (const part of request) text += part
  seen.push({ url: request.url, headers: request.headers, text })
  answer(response, request)
})
let url: string
let vicrop: ViCrop
let app: App
let expected: Answer
beforeAll(async () => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
  vicrop = await ViCrop.open(modelPath('base'))
  app = proxy()
  using wide = await vicrop.see(picturePath('wide'))
  expected = await wide.ask(question)
})
afterAll(async () => {
  server.closeAllConnections()
  server.close()
  await vicrop.release()
})
afterEach(() => {
  seen.length = 0
  left = 0
})

function proxy(
  more: Partial<AppOptions['upstream'] & object> = {},
  options: Parameters<typeof makeApp>[1] = {},
): App {
  return makeApp(vicrop, { ...options, upstream: { url, model: null, key: null, timeoutMs: 2000, ...more } })
}

const completion = { id: 'x', object: 'chat.completion', choices: [{ message: { content: 'red' } }], odd: 1 }
const sendJson =
  (body: unknown, status = 200, headers: object = {}): typeof answer =>
  response =>
    void response
      .writeHead(status, { ...json, ...headers })
      .end(typeof body === 'string' ? body : JSON.stringify(body))

const stream = { 'content-type': 'text/event-stream' }
const event = (data: object | string): string =>
  `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
const delta = (content: string): object => ({
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
})
const last = { id: 'x', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }
const usage = { choices: [], usage: { total_tokens: 3 } }
const events = [
  ': hello\n\n',
  event(delta('r')),
  event(delta('ed')),
  event(last),
  event(usage),
  event('[DONE]'),
]
const sendEvents =
  (
    parts: readonly string[],
    then: (response: ServerResponse) => void = response => void response.end(),
  ): typeof answer =>
  response => {
    response.writeHead(200, stream)
    for (const part of parts) response.write(part)
    setTimeout(() => then(response), 20)
  }

const sent = (): Body => JSON.parse(seen.at(-1)?.text as string)
const bodyOf = async (response: Response, status = 200): Promise<Body> => {
  const body = await response.json()
  expect(response.status, JSON.stringify(body)).toBe(status)
  return body
}

describe('a request about a picture', () => {
  it('goes upstream with the crop after the picture, and the answer says how the model looked', async () => {
    answer = sendJson(completion)
    const more = {
      model: 'large',
      temperature: 0.7,
      tools: [{ type: 'function', function: { name: 'f' } }],
      odd: [1],
    }
    const { vicrop: field, ...body } = await bodyOf(await ask(app, more))
    expect(body).toEqual(completion)
    expect(field).toMatchObject({ method: 'rel-att', crop: expected.crop, cropReason: null })
    expect(Object.keys(field)).not.toContain('plainAnswer')
    const { messages, ...rest } = sent()
    expect(rest).toEqual(more)
    const [picture, crop, text] = messages[0].content
    expect([picture, text]).toEqual((about('wide') as Body).content)
    const file = Buffer.from(crop.image_url.url.slice('data:image/png;base64,'.length), 'base64')
    const { width, height } = await decodeImage(file)
    const box = expected.crop as NonNullable<Answer['crop']>
    expect([width, height]).toEqual([163, Math.round((163 * box.height) / box.width)])
  })

  it('gets the map when it asks for it, and the upstream server is not told of vicrop', async () => {
    answer = sendJson(completion)
    const { vicrop: field } = await bodyOf(await ask(app, { vicrop: { map: 'values', layers: [0] } }))
    expect(field).toMatchObject({ layers: [0], importance: { rows: 8, columns: 8 } })
    expect(Object.keys(sent())).toEqual(['model', 'messages'])
  })

  it('in an earlier message has the crop at the start of the last one, and all before it is as it was', async () => {
    answer = sendJson(completion)
    const earlier = [about('wide', 'What is it?'), { role: 'assistant', content: 'a sign', name: 'x' }]
    await bodyOf(await ask(app, { messages: [...earlier, { role: 'user', content: question }] }))
    const { messages } = sent()
    expect(messages.slice(0, 2)).toEqual(earlier)
    expect(messages[2].content).toEqual([
      { type: 'image_url', image_url: { url: expect.stringMatching(/^data:image\/png;base64,/) } },
      { type: 'text', text: question },
    ])
  })

  it('with several pictures has a crop of the last', async () => {
    answer = sendJson(completion)
    const part = (name: string): object => ({ type: 'image_url', image_url: { url: dataUrl(fileOf(name)) } })
    const sound = { type: 'input_audio', input_audio: { data: '', format: 'wav' } }
    const content = [part('tall'), sound, part('wide'), { type: 'text', text: question }]
    const { vicrop: field } = await bodyOf(await ask(app, { messages: [{ role: 'user', content }] }))
    expect(field.crop).toEqual(expected.crop)
    const parts = sent().messages[0].content
    expect([...parts.slice(0, 3), parts[4]]).toEqual(content)
    expect(parts[3].image_url.url).toMatch(/^data:image\/png/)
  })

  it('asks for the model that the server is told to ask for', async () => {
    answer = sendJson(completion)
    await bodyOf(await ask(proxy({ model: 'large' })))
    expect(sent().model).toBe('large')
  })
})

describe('a request goes as it came, and the answer says why,', () => {
  const odd = '{"model": "m", "seed": 12345678901234567890, "messages": [{"role":"user","content":"Hello?"}]}'
  const postText = (to: App, text: string): Promise<Response> =>
    Promise.resolve(to.request('/v1/chat/completions', { method: 'POST', headers: json, body: text }))

  it('to the byte, when there is no picture', async () => {
    answer = sendJson(completion)
    const { vicrop: field } = await bodyOf(await postText(app, odd))
    expect(field).toEqual({ crop: null, cropReason: 'no picture' })
    expect(seen[0]?.text).toBe(odd)
  })

  const picture = (url: string): object => ({ type: 'image_url', image_url: { url } })
  const text = { type: 'text', text: question }
  test.each([
    ['there is no question', [picture('data:,')], { cropReason: 'no question' }],
    [
      'the picture is none',
      [picture('data:image/png;base64,AAAA'), text],
      { cropReason: 'look failed', problem: expect.stringContaining('not a picture') },
    ],
    [
      'the picture may not be fetched',
      [picture('http://127.0.0.1/'), text],
      { cropReason: 'look failed', problem: expect.stringContaining('data URLs alone') },
    ],
    [
      'the question is too long',
      [picture(dataUrl(fileOf('wide'))), { ...text, text: 'what is the '.repeat(1000) }],
      { cropReason: 'look failed', problem: expect.stringContaining('the model has room for 512') },
    ],
    [
      'there is nothing to crop',
      [picture('data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'), text],
      { cropReason: 'nothing to crop' },
    ],
    ['its messages are strange', 7, { cropReason: 'no picture' }],
  ])('when %s', async (_, content, field) => {
    answer = sendJson(completion)
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] })
    expect((await bodyOf(await postText(app, body))).vicrop).toMatchObject({ crop: null, ...field })
    expect(seen[0]?.text).toBe(body)
  })

  it('when the client wants no look', async () => {
    answer = sendJson(completion)
    const { vicrop: field } = await bodyOf(await ask(app, { vicrop: { method: 'none' } }))
    expect(field).toEqual({ crop: null, cropReason: 'method none' })
    expect(sent().messages).toEqual([about('wide')])
  })

  test.each([
    ['fails', () => Promise.reject(new Error('/home/x: no memory')), 'The server failed at this request.'],
    ['takes too long', () => new Promise<void>(() => {}), 'The answer took longer than 0.3 s.'],
  ])('when looking %s', async (_, looking, problem) => {
    answer = sendJson(completion)
    const upstream = { url, model: null, key: null, timeoutMs: 2000 }
    const failing = makeApp(fakeModel(looking), { upstream, limits: { timeoutMs: 300 } })
    const { vicrop: field, choices } = await bodyOf(await ask(failing))
    expect(choices).toEqual(completion.choices)
    expect(field).toMatchObject({ cropReason: 'look failed', problem: expect.stringContaining(problem) })
    expect(sent().messages).toEqual([about('wide')])
    expect(await (await failing.request('/metrics')).text()).toContain('outcome="failed"} 1')
  })
})

describe('a stream', () => {
  it('comes through as it is, with how the model looked in the chunk that ends the answer', async () => {
    answer = sendEvents(events)
    const response = await ask(app, { stream: true })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const parts = (await response.text()).split(/(?<=\n\n)/)
    const ending = parts.splice(3, 1)[0] as string
    expect(parts).toEqual(events.filter((_, i) => i !== 3))
    const { vicrop: field, ...rest } = JSON.parse(ending.slice('data: '.length))
    expect(rest).toEqual(last)
    expect(field).toMatchObject({ crop: expected.crop })
    expect(sent().stream).toBe(true)
  })

  it('comes as it is generated', async () => {
    const held: ServerResponse[] = []
    answer = sendEvents(events.slice(0, 2), response => void held.push(response))
    const reader = ((await ask(app, { stream: true })).body as ReadableStream<Uint8Array>).getReader()
    const decoder = new TextDecoder()
    let text = ''
    while (!text.includes('"r"')) text += decoder.decode((await reader.read()).value, { stream: true })
    expect(text).not.toContain('[DONE]')
    await expect.poll(() => held.length).toBe(1)
    held[0]?.end(events.slice(2).join(''))
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text += decoder.decode(part.value, { stream: true })
    expect(text).toContain('[DONE]')
  })

  it('may be cut anywhere on the way, within letters too', async () => {
    const all = Buffer.from(
      event(delta('größer 🙂')) + event(last).replaceAll('\n', '\r\n') + event('[DONE]'),
    )
    answer = response => {
      response.writeHead(200, stream)
      let at = 0
      const next = (): void => {
        if (at === all.length) response.end()
        else response.write(all.subarray(at, ++at), () => setImmediate(next))
      }
      next()
    }
    const [first, ending, done] = await eventsOf(await ask(app, { stream: true }))
    expect(first.choices[0].delta.content).toBe('größer 🙂')
    expect([ending.vicrop.crop, done]).toEqual([expected.crop, '[DONE]'])
  })

  test.each([
    ['is cut off', sendEvents(events.slice(1, 3), response => response.destroy()), 'upstream_unreachable'],
    ['ends before its end', sendEvents(events.slice(1, 3)), 'upstream_broken'],
    ['ends within an event', sendEvents([...events.slice(1, 3), 'data: {"cho']), 'upstream_broken'],
    [
      'turns into something else',
      sendEvents([...events.slice(1, 3), event('<html>'), event('[DONE]')]),
      'upstream_broken',
    ],
    ['stops', sendEvents(events.slice(1, 3), () => {}), 'upstream_timeout'],
  ])('that %s ends with an error, which the official client throws', async (_, sending, code) => {
    answer = sending
    const short = proxy({ timeoutMs: 1000 })
    const found = await eventsOf(await ask(short, { stream: true }))
    const client = new OpenAI({
      baseURL: 'http://proxy/v1',
      apiKey: 'none',
      maxRetries: 0,
      fetch: (path, init) =>
        Promise.resolve(short.request(String(path).replace('http://proxy', ''), init as RequestInit)),
    })
    expect(found.at(-1)?.error.code).toBe(code)
    expect(found.at(-1)).not.toBe('[DONE]')
    const messages = [about('wide')] as OpenAI.ChatCompletionMessageParam[]
    const pieces: string[] = []
    const reading = async (): Promise<void> => {
      for await (const chunk of await client.chat.completions.create({ model: 'm', messages, stream: true }))
        pieces.push(chunk.choices[0]?.delta.content ?? '')
    }
    await expect(reading()).rejects.toMatchObject({ error: { code } })
    expect(pieces.join('')).toBe('red')
  })

  it('that ends with an error of the upstream server ends with that', async () => {
    const failure = event({ error: { message: 'out of memory', type: 'server_error' } })
    answer = sendEvents([...events.slice(0, 2), failure])
    expect(await (await ask(app, { stream: true })).text()).toBe([...events.slice(0, 2), failure].join(''))
  })

  it('that the client leaves is left upstream too', async () => {
    answer = sendEvents(events.slice(0, 2), () => {})
    const reader = ((await ask(app, { stream: true })).body as ReadableStream).getReader()
    await reader.read()
    const leaving = reader.cancel()
    await expect.poll(() => left).toBe(1)
    await leaving
  })
})

describe('an upstream server that', () => {
  const failure = { error: { message: 'too many images', type: 'BadRequestError', param: null, code: 400 } }

  test.each([
    ['refuses', sendJson(failure, 400), 400, failure],
    ['fails', sendJson({ detail: 'x' }, 500), 500, { detail: 'x' }],
    [
      'is full',
      sendJson(failure, 429, {
        'retry-after': '7',
        'x-ratelimit-remaining-requests': '0',
        'set-cookie': 'a=b',
      }),
      429,
      failure,
    ],
    [
      'fails without words',
      sendJson('<html>', 503, { 'content-type': 'text/html' }),
      503,
      {
        error: {
          message: 'The upstream server answered with status 503.',
          type: 'server_error',
          param: null,
          code: 'upstream_error',
        },
      },
    ],
  ])('%s is passed on, streaming or not', async (_, sending, status, body) => {
    answer = sending
    for (const stream of [false, true]) {
      const response = await ask(app, { stream })
      expect(response.headers.get('content-type')).toBe('application/json')
      expect(response.headers.get('set-cookie')).toBe(null)
      if (status === 429) expect(response.headers.get('retry-after')).toBe('7')
      expect(await bodyOf(response, status)).toEqual(body)
    }
  })

  test.each([
    ['sends no JSON', sendJson('{"choices":'), 502, 'upstream_broken'],
    ['sends a page', sendJson('<html>', 200, { 'content-type': 'text/html' }), 502, 'upstream_broken'],
    ['leads elsewhere', sendJson('', 302, { location: 'http://127.0.0.1/' }), 502, 'upstream_broken'],
    [
      'sends half of its answer',
      ((response: ServerResponse) => {
        response.writeHead(200, { ...json, 'content-length': '99' }).write('{')
        setTimeout(() => response.destroy(), 20)
      }) as typeof answer,
      502,
      'upstream_unreachable',
    ],
    [
      'hangs up',
      ((response: ServerResponse) => void response.destroy()) as typeof answer,
      502,
      'upstream_unreachable',
    ],
    ['says nothing', (() => {}) as typeof answer, 504, 'upstream_timeout'],
  ])('%s is said to', async (_, sending, status, code) => {
    answer = sending
    expect((await bodyOf(await ask(proxy({ timeoutMs: 1000 })), status)).error.code).toBe(code)
  })

  it('is not there is said to be so', async () => {
    expect((await bodyOf(await ask(proxy({ url: 'http://127.0.0.1:1/v1' })), 502)).error).toMatchObject({
      code: 'upstream_unreachable',
      message: 'The upstream server cannot be reached, or left (ECONNREFUSED).',
    })
  })

  it('is slow is waited for, and left when the client leaves', async () => {
    answer = response =>
      void setTimeout(() => sendJson(completion)(response, null as unknown as IncomingMessage), 300)
    expect((await ask(app)).status).toBe(200)
    answer = () => {}
    const leaving = new AbortController()
    const asking = ask(app, {}, { signal: leaving.signal })
    await expect.poll(() => seen.length).toBe(2)
    leaving.abort()
    expect((await asking).status).toBe(499)
    await expect.poll(() => left).toBe(1)
  })
})

describe('keys', () => {
  const sentKey = async (to: App, authorization: string): Promise<string | undefined> => {
    answer = sendJson(completion)
    await bodyOf(
      await ask(
        to,
        {},
        { headers: { authorization, cookie: 'a=b', 'x-title': 'mine', 'openai-organization': 'o' } },
      ),
    )
    const { headers } = seen.at(-1) as Seen
    expect([headers.cookie, headers['x-title'], headers['openai-organization']]).toEqual([
      undefined,
      'mine',
      'o',
    ])
    return headers.authorization
  }

  it('of clients go upstream where vicrop has none of its own', async () => {
    expect(await sentKey(app, 'Bearer theirs')).toBe('Bearer theirs')
  })

  it('of vicrop never do', async () => {
    expect(await sentKey(proxy({}, { keys: ['ours'] }), 'Bearer ours')).toBe(undefined)
  })

  it('of the upstream server go there in their place', async () => {
    expect(await sentKey(proxy({ key: 'upstream' }, { keys: ['ours'] }), 'Bearer ours')).toBe(
      'Bearer upstream',
    )
    expect(await sentKey(proxy({ key: 'upstream' }), 'Bearer theirs')).toBe('Bearer upstream')
  })
})

describe('what is wrong with', () => {
  it('the field that is vicrop’s own is said, and nothing goes upstream', async () => {
    expect((await bodyOf(await ask(app, { vicrop: { method: 'best' } }), 400)).error.param).toBe(
      'vicrop.method',
    )
    expect(
      (await app.request('/v1/chat/completions', { method: 'POST', headers: json, body: '{' })).status,
    ).toBe(400)
    expect(seen).toEqual([])
  })
})

describe('models', () => {
  it('are the upstream server’s', async () => {
    const list = { object: 'list', data: [{ id: 'large' }] }
    answer = sendJson(list)
    expect(await bodyOf(await app.request('/v1/models'))).toEqual(list)
    expect(seen[0]?.url).toBe('/v1/models')
  })

  it('are the one that is asked for', async () => {
    const { data } = await bodyOf(await proxy({ model: 'large' }).request('/v1/models'))
    expect(data).toMatchObject([{ id: 'large' }])
    expect(seen).toEqual([])
  })

  it('and nothing else is forwarded', async () => {
    for (const path of ['/v1/files', '/v1/models/../files', '/v1/embeddings'])
      expect((await app.request(path)).status).toBe(404)
    expect(seen).toEqual([])
  })
})

test('vicrop serve --upstream: two servers, of which one looks and the other answers', async () => {
  const answering = await serve(['--model', modelPath('base')])
  const looking = await serve(['--upstream', `${answering.url}/v1/`, '--upstream-model', 'model'])
  const client = new OpenAI({ baseURL: `${looking.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const messages = [about('wide', 'What is written on the plate?')] as OpenAI.ChatCompletionMessageParam[]
  const refused = client.chat.completions.create({ model: 'any', messages })
  await expect(refused, 'the model that answers takes no second picture').rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining('2 pictures, the model looks at one'),
  })
  const plainly = { vicrop: { method: 'none' } } as object
  const { choices } = await client.chat.completions.create({ model: 'any', messages, ...plainly })
  expect(choices[0]?.message.content).toEqual(expect.any(String))
})
