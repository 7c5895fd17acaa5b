import OpenAI from 'openai'
import { describe, expect, it, test } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import type { Answer } from '../../src/index.ts'
import type { App } from '../../src/server/app.ts'
import { modelPath } from '../models/fixtures.ts'
import { about, ask, type Body, dataUrl, fakeModel, fileOf, json, question } from './app.ts'
import { serve } from './running.ts'
import { bodyOf, completion, type Seen, sendJson, useUpstream } from './upstream.ts'

const upstream = useUpstream()

describe('a request about a picture', () => {
  it('goes upstream with the crop after the picture, and the answer says how the model looked', async () => {
    upstream.answer = sendJson(completion)
    const more = {
      model: 'large',
      temperature: 0.7,
      tools: [{ type: 'function', function: { name: 'f' } }],
      odd: [1],
    }
    const { vicrop: field, ...body } = await bodyOf(await ask(upstream.app, more))
    expect(body).toEqual(completion)
    expect(field).toMatchObject({ method: 'rel-att', crop: upstream.expected.crop, cropReason: null })
    expect(Object.keys(field)).not.toContain('plainAnswer')
    const { messages, ...rest } = upstream.sent()
    expect(rest).toEqual(more)
    const [picture, crop, text] = messages[0].content
    expect([picture, text]).toEqual((about('wide') as Body).content)
    const file = Buffer.from(crop.image_url.url.slice('data:image/png;base64,'.length), 'base64')
    const { width, height } = await decodeImage(file)
    const box = upstream.expected.crop as NonNullable<Answer['crop']>
    expect([width, height]).toEqual([163, Math.round((163 * box.height) / box.width)])
  })

  it('gets the map when it asks for it, and the upstream server is not told of vicrop', async () => {
    upstream.answer = sendJson(completion)
    const { vicrop: field } = await bodyOf(
      await ask(upstream.app, { vicrop: { map: 'values', layers: [0] } }),
    )
    expect(field).toMatchObject({ layers: [0], importance: { rows: 8, columns: 8 } })
    expect(Object.keys(upstream.sent())).toEqual(['model', 'messages'])
  })

  it('in an earlier message has the crop at the start of the last one, and all before it is as it was', async () => {
    upstream.answer = sendJson(completion)
    const earlier = [about('wide', 'What is it?'), { role: 'assistant', content: 'a sign', name: 'x' }]
    await bodyOf(await ask(upstream.app, { messages: [...earlier, { role: 'user', content: question }] }))
    const { messages } = upstream.sent()
    expect(messages.slice(0, 2)).toEqual(earlier)
    expect(messages[2].content).toEqual([
      { type: 'image_url', image_url: { url: expect.stringMatching(/^data:image\/png;base64,/) } },
      { type: 'text', text: question },
    ])
  })

  it('with several pictures has the crop of each right behind it', async () => {
    upstream.answer = sendJson(completion)
    const part = (name: string): object => ({ type: 'image_url', image_url: { url: dataUrl(fileOf(name)) } })
    const sound = { type: 'input_audio', input_audio: { data: '', format: 'wav' } }
    const content = [part('tall'), sound, part('wide'), { type: 'text', text: question }]
    const { vicrop: field } = await bodyOf(await ask(upstream.app, { messages: [{ role: 'user', content }] }))
    expect(field).toMatchObject({
      crop: expect.any(Object),
      others: [{ crop: upstream.expected.crop, image: { width: 163 } }],
    })
    const parts = upstream.sent().messages[0].content
    expect([0, 2, 3, 5].map(i => parts[i])).toEqual(content)
    for (const i of [1, 4]) expect(parts[i].image_url.url).toMatch(/^data:image\/png/)
    const crop = { x: 1, y: 2, width: 30, height: 40 }
    const given = await ask(upstream.app, { messages: [{ role: 'user', content }], vicrop: { crop } })
    expect((await bodyOf(given)).vicrop).toMatchObject({
      crop,
      others: [{ crop: upstream.expected.crop }],
    })
  })

  it('asks for the model that the server is told to ask for', async () => {
    upstream.answer = sendJson(completion)
    await bodyOf(await ask(upstream.proxy({ model: 'large' })))
    expect(upstream.sent().model).toBe('large')
  })
})

describe('a request goes as it came, and the answer says why,', () => {
  const odd = '{"model": "m", "seed": 12345678901234567890, "messages": [{"role":"user","content":"Hello?"}]}'
  const postText = (to: App, text: string): Promise<Response> =>
    Promise.resolve(to.request('/v1/chat/completions', { method: 'POST', headers: json, body: text }))

  it('to the byte, when there is no picture', async () => {
    upstream.answer = sendJson(completion)
    const { vicrop: field } = await bodyOf(await postText(upstream.app, odd))
    expect(field).toEqual({ crop: null, cropReason: 'no picture' })
    expect(upstream.seen[0]?.text).toBe(odd)
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
    upstream.answer = sendJson(completion)
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] })
    expect((await bodyOf(await postText(upstream.app, body))).vicrop).toMatchObject({ crop: null, ...field })
    expect(upstream.seen[0]?.text).toBe(body)
  })

  it('when the client wants no look', async () => {
    upstream.answer = sendJson(completion)
    const { vicrop: field } = await bodyOf(await ask(upstream.app, { vicrop: { method: 'none' } }))
    expect(field).toEqual({ crop: null, cropReason: 'method none' })
    expect(upstream.sent().messages).toEqual([about('wide')])
  })

  test.each([
    ['fails', () => Promise.reject(new Error('/home/x: no memory')), 'The server failed at this request.'],
    ['takes too long', () => new Promise<void>(() => {}), 'The answer took longer than 0.3 s.'],
  ])('when looking %s', async (_, looking, problem) => {
    upstream.answer = sendJson(completion)
    const failing = upstream.proxyOf(fakeModel(looking), {}, { limits: { timeoutMs: 300 } })
    const { vicrop: field, choices } = await bodyOf(await ask(failing))
    expect(choices).toEqual(completion.choices)
    expect(field).toMatchObject({ cropReason: 'look failed', problem: expect.stringContaining(problem) })
    expect(upstream.sent().messages).toEqual([about('wide')])
    expect(await (await failing.request('/metrics')).text()).toContain('outcome="failed"} 1')
  })
})

describe('keys', () => {
  const sentKey = async (to: App, authorization: string): Promise<string | undefined> => {
    upstream.answer = sendJson(completion)
    await bodyOf(
      await ask(
        to,
        {},
        { headers: { authorization, cookie: 'a=b', 'x-title': 'mine', 'openai-organization': 'o' } },
      ),
    )
    const { headers } = upstream.seen.at(-1) as Seen
    expect([headers.cookie, headers['x-title'], headers['openai-organization']]).toEqual([
      undefined,
      'mine',
      'o',
    ])
    return headers.authorization
  }

  it('of clients go upstream where vicrop has none of its own', async () => {
    expect(await sentKey(upstream.app, 'Bearer theirs')).toBe('Bearer theirs')
  })

  it('of vicrop never do', async () => {
    expect(await sentKey(upstream.proxy({}, { keys: ['ours'] }), 'Bearer ours')).toBe(undefined)
  })

  it('of the upstream server go there in their place', async () => {
    expect(await sentKey(upstream.proxy({ key: 'upstream' }, { keys: ['ours'] }), 'Bearer ours')).toBe(
      'Bearer upstream',
    )
    expect(await sentKey(upstream.proxy({ key: 'upstream' }), 'Bearer theirs')).toBe('Bearer upstream')
  })
})

describe('what is wrong with', () => {
  it('the field that is vicrop’s own is said, and nothing goes upstream', async () => {
    expect((await bodyOf(await ask(upstream.app, { vicrop: { method: 'best' } }), 400)).error.param).toBe(
      'vicrop.method',
    )
    expect(
      (await upstream.app.request('/v1/chat/completions', { method: 'POST', headers: json, body: '{' }))
        .status,
    ).toBe(400)
    expect(upstream.seen).toEqual([])
  })
})

describe('models', () => {
  it('are the upstream server’s', async () => {
    const list = { object: 'list', data: [{ id: 'large' }] }
    upstream.answer = sendJson(list)
    expect(await bodyOf(await upstream.app.request('/v1/models'))).toEqual(list)
    expect(upstream.seen[0]?.url).toBe('/v1/models')
  })

  it('are the one that is asked for', async () => {
    const { data } = await bodyOf(await upstream.proxy({ model: 'large' }).request('/v1/models'))
    expect(data).toMatchObject([{ id: 'large' }])
    expect(upstream.seen).toEqual([])
  })

  it('and nothing else is forwarded', async () => {
    for (const path of ['/v1/files', '/v1/models/../files', '/v1/embeddings'])
      expect((await upstream.app.request(path)).status).toBe(404)
    expect(upstream.seen).toEqual([])
  })
})

test('vicrop serve --upstream: two servers, of which one looks and the other answers', async () => {
  const answering = await serve(['--model', modelPath('base')])
  const looking = await serve(['--upstream', `${answering.url}/v1/`, '--upstream-model', 'model'])
  const client = new OpenAI({ baseURL: `${looking.url}/v1`, apiKey: 'none', maxRetries: 0 })
  const messages = [about('wide', 'What is written on the plate?')] as OpenAI.ChatCompletionMessageParam[]
  const ask = async (more: object): Promise<OpenAI.ChatCompletion> =>
    client.chat.completions.create({ model: 'any', messages, ...more })
  const { usage, choices } = await ask({})
  expect(choices[0]?.message.content).toEqual(expect.any(String))
  const plainly = await ask({ vicrop: { method: 'none' } })
  expect(usage?.prompt_tokens).toBeGreaterThan(plainly.usage?.prompt_tokens as number)
})
