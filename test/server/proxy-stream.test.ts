import type { IncomingMessage, ServerResponse } from 'node:http'
import OpenAI from 'openai'
import { describe, expect, it, test } from 'vitest'
import { about, ask, eventsOf, json } from './app.ts'
import { type Answering, bodyOf, completion, sendJson, useUpstream } from './upstream.ts'

const upstream = useUpstream()

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
  ): Answering =>
  response => {
    response.writeHead(200, stream)
    for (const part of parts) response.write(part)
    setTimeout(() => then(response), 20)
  }

describe('a stream', () => {
  it('comes through as it is, with how the model looked in the chunk that ends the answer', async () => {
    upstream.answer = sendEvents(events)
    const response = await ask(upstream.app, { stream: true })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const parts = (await response.text()).split(/(?<=\n\n)/)
    const ending = parts.splice(3, 1)[0] as string
    expect(parts).toEqual(events.filter((_, i) => i !== 3))
    const { vicrop: field, ...rest } = JSON.parse(ending.slice('data: '.length))
    expect(rest).toEqual(last)
    expect(field).toMatchObject({ crop: upstream.expected.crop })
    expect(upstream.sent().stream).toBe(true)
  })

  it('comes as it is generated', async () => {
    const held: ServerResponse[] = []
    upstream.answer = sendEvents(events.slice(0, 2), response => void held.push(response))
    const reader = (
      (await ask(upstream.app, { stream: true })).body as ReadableStream<Uint8Array>
    ).getReader()
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
    upstream.answer = response => {
      response.writeHead(200, stream)
      let at = 0
      const next = (): void => {
        if (at === all.length) response.end()
        else response.write(all.subarray(at, ++at), () => setImmediate(next))
      }
      next()
    }
    const [first, ending, done] = await eventsOf(await ask(upstream.app, { stream: true }))
    expect(first.choices[0].delta.content).toBe('größer 🙂')
    expect([ending.vicrop.crop, done]).toEqual([upstream.expected.crop, '[DONE]'])
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
    upstream.answer = sending
    const short = upstream.proxy({ timeoutMs: 1000 })
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
    upstream.answer = sendEvents([...events.slice(0, 2), failure])
    expect(await (await ask(upstream.app, { stream: true })).text()).toBe(
      [...events.slice(0, 2), failure].join(''),
    )
  })

  it('that the client leaves is left upstream too', async () => {
    upstream.answer = sendEvents(events.slice(0, 2), () => {})
    const reader = ((await ask(upstream.app, { stream: true })).body as ReadableStream).getReader()
    await reader.read()
    const leaving = reader.cancel()
    await expect.poll(() => upstream.left).toBe(1)
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
    upstream.answer = sending
    for (const stream of [false, true]) {
      const response = await ask(upstream.app, { stream })
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
      }) as Answering,
      502,
      'upstream_unreachable',
    ],
    [
      'hangs up',
      ((response: ServerResponse) => void response.destroy()) as Answering,
      502,
      'upstream_unreachable',
    ],
    ['says nothing', (() => {}) as Answering, 504, 'upstream_timeout'],
  ])('%s is said to', async (_, sending, status, code) => {
    upstream.answer = sending
    expect((await bodyOf(await ask(upstream.proxy({ timeoutMs: 1000 })), status)).error.code).toBe(code)
  })

  it('is not there is said to be so', async () => {
    expect(
      (await bodyOf(await ask(upstream.proxy({ url: 'http://127.0.0.1:1/v1' })), 502)).error,
    ).toMatchObject({
      code: 'upstream_unreachable',
      message: 'The upstream server cannot be reached, or left (ECONNREFUSED).',
    })
  })

  it('is slow is waited for, and left when the client leaves', async () => {
    upstream.answer = response =>
      void setTimeout(() => sendJson(completion)(response, null as unknown as IncomingMessage), 300)
    expect((await ask(upstream.app)).status).toBe(200)
    upstream.answer = () => {}
    const leaving = new AbortController()
    const asking = ask(upstream.app, {}, { signal: leaving.signal })
    await expect.poll(() => upstream.seen.length).toBe(2)
    leaving.abort()
    expect((await asking).status).toBe(499)
    await expect.poll(() => upstream.left).toBe(1)
  })
})
