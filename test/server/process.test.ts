import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import OpenAI from 'openai'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Answer, ViCrop } from '../../src/index.ts'
import { vicrop } from '../cli/vicrop.ts'
import { modelPath, picturePath } from '../models/fixtures.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { about, type Body, question } from './app.ts'
import { serve } from './running.ts'

const tiny = ['--model', modelPath('base')]
const messages = [about('wide')] as OpenAI.ChatCompletionMessageParam[]

/** What the library answers. */
let expected: Answer
beforeAll(async () => {
  await using opened = await ViCrop.open(modelPath('base'))
  using picture = await opened.see(picturePath('wide'))
  expected = await picture.ask(question, { maxNewTokens: 128 })
})

const clientOf = (url: string, apiKey = 'none'): OpenAI =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })

describe('the official client', () => {
  it('asks, streams, lists models, and reads errors', async () => {
    const { url, log } = await serve([...tiny, '--api-key', 'a-key'])
    const client = clientOf(url, 'a-key')
    const { choices, usage, ...completion } = await client.chat.completions.create({
      model: 'model',
      messages,
    })
    expect(choices[0]?.message.content).toBe(expected.answer)
    expect(choices[0]?.finish_reason).toBe('stop')
    expect(usage?.completion_tokens).toBeGreaterThan(0)
    expect((completion as Body).vicrop.plainAnswer).toBe(expected.plainAnswer)

    const stream = client.chat.completions.stream({
      model: 'model',
      messages,
      stream_options: { include_usage: true },
    })
    let pieces = 0
    stream.on('content', () => pieces++)
    const final = await stream.finalChatCompletion()
    expect(final.choices[0]?.message.content).toBe(choices[0]?.message.content)
    expect(final.usage).toEqual(usage)
    expect(pieces).toBeGreaterThan(1)

    const vicropField = { vicrop: { method: 'none', map: 'values' } } as object
    const plain = await client.chat.completions.create({ model: 'model', messages, ...vicropField })
    expect(plain.choices[0]?.message.content).toBe(expected.plainAnswer)

    const { data } = await client.models.list()
    expect(data.map(({ id }) => id)).toEqual(['model'])
    expect((await client.models.retrieve('model')).owned_by).toBe('vicrop')

    const failing = async (work: Promise<unknown>): Promise<unknown> =>
      work.then(
        () => null,
        error => error,
      )
    expect(await failing(client.chat.completions.create({ model: 'other', messages }))).toBeInstanceOf(
      OpenAI.NotFoundError,
    )
    expect(await failing(client.chat.completions.create({ model: 'model', messages, n: 2 }))).toMatchObject({
      status: 400,
      param: 'n',
      code: 'unsupported_parameter',
      requestID: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    expect(await failing(clientOf(url, 'b-key').models.list())).toBeInstanceOf(OpenAI.AuthenticationError)
    const lines = log().filter(({ msg }) => msg === 'request')
    expect(lines.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 404, 400, 401])
  })

  it('leaves in the middle, and the server is there for the next', async () => {
    const { url, log } = await serve([...tiny, '--max-new-tokens', '300'])
    const client = clientOf(url)
    const stream = await client.chat.completions.create({ model: 'model', messages, stream: true })
    for await (const _ of stream) break
    stream.controller.abort()
    const { choices } = await client.chat.completions.create({ model: 'model', messages, max_tokens: 1 })
    expect(choices[0]?.finish_reason).toBe('length')
    await expect.poll(() => log().filter(({ path }) => path === '/v1/chat/completions')).toHaveLength(2)
  })
})

describe('curl', () => {
  const curl = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('curl', ['--silent', '--show-error', '--max-time', '30', ...args])).stdout

  it('asks, streams and looks', async () => {
    const { url } = await serve(tiny)
    const send = (path: string, body: object): Promise<string> => {
      const file = join(temporaryFolder(), 'body.json')
      writeFileSync(file, JSON.stringify(body))
      return curl(`${url}${path}`, '--header', 'content-type: application/json', '--data', `@${file}`)
    }
    const answer = JSON.parse(await send('/v1/chat/completions', { model: 'model', messages }))
    expect(answer.choices[0].message.content).toBe(expected.answer)
    const events = await send('/v1/chat/completions', { model: 'model', messages, stream: true })
    expect(events).toMatch(/^data: \{.*\}\n\n(data: \{.*\}\n\n)+data: \[DONE\]\n\n$/)
    const image = (messages[0] as Body).content[0].image_url.url
    expect(JSON.parse(await send('/v1/look', { image, question })).crop).toEqual(answer.vicrop.crop)
    expect(await curl(`${url}/ready`)).toBe('{"status":"ready"}')
    expect(await curl(`${url}/metrics`)).toContain('vicrop_requests_running 0')
    expect(JSON.parse(await send('/v1/look', {})).error.param).toBe('image')
  })

  it('is told by its name on loopback alone, unless there are keys', async () => {
    const { url } = await serve(tiny)
    expect(await curl(`${url}/v1/models`, '--header', 'host: evil.example')).toContain('host_not_allowed')
    const keyed = await serve(tiny, { VICROP_API_KEY: 'key' })
    const headers = ['--header', 'host: vicrop.example', '--header', 'authorization: Bearer key']
    expect(await curl(`${keyed.url}/v1/models`, ...headers)).toContain('"id":"model"')
  })
})

it('answers health checks of HTTP/1.0, which name no host', async () => {
  const { url } = await serve(tiny)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.end('GET /ready HTTP/1.0\r\n\r\n')
  let text = ''
  for await (const part of socket) text += part
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
})

describe('pictures named by URL', () => {
  const body = (url: string): string =>
    JSON.stringify({
      model: 'model',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url } },
            { type: 'text', text: question },
          ],
        },
      ],
    })
  const ask = (url: string, image: string): Promise<Response> =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body(image),
    })

  it('of this machine are fetched only where that is allowed', async () => {
    const { url } = await serve(tiny)
    expect(((await (await ask(url, `${url}/health`)).json()) as Body).error.message).toContain(
      'no public address',
    )
    const open = await serve([...tiny, '--allow-private-urls'])
    expect(((await (await ask(open.url, `${url}/health`)).json()) as Body).error.message).toContain(
      'application/json',
    )
    const none = await serve([...tiny, '--no-url-images'])
    expect(
      ((await (await ask(none.url, 'https://example.org/a.png')).json()) as Body).error.message,
    ).toContain('data URLs alone')
  })
})

describe('the end', () => {
  it('comes at SIGTERM and at Ctrl-C, with status 0, when what was taken in is answered', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const { url, stop, log } = await serve(tiny)
      const asked = clientOf(url).chat.completions.create({ model: 'model', messages })
      await expect
        .poll(async () => (await fetch(`${url}/metrics`)).text())
        .toMatch(/requests_(waiting|running) 1/)
      const status = stop(signal)
      expect((await asked).choices[0]?.message.content).toBe(expected.answer)
      expect(await status).toBe(0)
      await expect(fetch(`${url}/health`)).rejects.toThrow()
      expect(log().map(({ msg }) => msg)).toContain('shutting down: what was taken in is answered first')
    }
  })

  it('does not wait for connections on which nothing was sent', async () => {
    const { url, stop } = await serve(tiny)
    const silent = connect(Number(new URL(url).port), '127.0.0.1')
    await new Promise(resolve => silent.once('connect', resolve))
    expect(await stop()).toBe(0)
    silent.destroy()
  })
})

describe('vicrop serve refuses', () => {
  it.each([
    [['--port', '70000'], '"70000" is no whole number from 0 to 65535.'],
    [['--timeout', '0'], '"0" is no whole number from 1 to 86400.'],
    [['--api-key', ' '], 'an API key is empty.'],
    [['--api-key-file', '/nowhere'], '/nowhere: '],
    [['--log-level', 'loud'], 'Allowed choices are fatal, error, warn, info, debug, silent.'],
    [['--layers', '7', ...tiny], 'layer 7: the model has layers 0 to 2.'],
    [['--host', '192.0.2.1', ...tiny], '192.0.2.1 port 8088 is none of this machine.'],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await vicrop(['serve', ...args])
    expect([status, stdout]).toEqual([expect.any(Number), ''])
    expect(status).toBeGreaterThan(0)
    expect(stderr).toMatch(/^vicrop: .*\n$/)
    expect(stderr).toContain(message)
  })

  it('a port in use', async () => {
    const { url } = await serve(tiny)
    const { port } = new URL(url)
    const { status, stderr } = await vicrop(['serve', '--port', port, ...tiny])
    expect([status, stderr]).toEqual([
      1,
      `vicrop: 127.0.0.1 port ${port} is in use. Choose another with --host and --port.\n`,
    ])
  })
})

it('warns when everybody may come', async () => {
  const { log } = await serve([...tiny, '--host', '0.0.0.0'])
  await expect.poll(() => log().map(({ level }) => level)).toEqual([40])
})
