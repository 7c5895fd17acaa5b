import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import { type Answer, ViCrop } from '../../src/index.ts'
import type { App } from '../../src/server/app.ts'
import { modelPath, picturePath } from '../models/fixtures.ts'
import { about, ask, type Body, dataUrl, eventsOf, fileOf, makeApp, post, question } from './app.ts'

let vicrop: ViCrop
let app: App
let expected: Answer
let other: Answer
beforeAll(async () => {
  vicrop = await ViCrop.open(modelPath('base'))
  app = makeApp(vicrop)
  using wide = await vicrop.see(picturePath('wide'))
  expected = await wide.ask(question)
  using tall = await vicrop.see(picturePath('tall'))
  other = await tall.ask('Is the door open?')
})
afterAll(() => vicrop.release())

const answered = async (more: object = {}): Promise<Body> => {
  const response = await ask(app, more)
  const body = await response.json()
  expect(response.status, JSON.stringify(body)).toBe(200)
  return body
}

describe('an answer', () => {
  it('has the form of the OpenAI API, with how the model looked under vicrop', async () => {
    const { vicrop: field, ...body } = await answered()
    expect(body).toEqual({
      id: expect.stringMatching(/^chatcmpl-[0-9a-f]{32}$/),
      object: 'chat.completion',
      created: expect.closeTo(Date.now() / 1000, -2),
      model: 'tiny',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: expected.answer, refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: expected.usage.promptTokens,
        completion_tokens: expected.usage.answerTokens,
        total_tokens: expected.usage.promptTokens + expected.usage.answerTokens,
      },
    })
    const { timings, ...facts } = field
    expect(facts).toEqual({
      method: 'rel-att',
      layers: [1],
      connectorLayers: [],
      target: null,
      variant: null,
      blocks: null,
      image: { width: 163, height: 122 },
      crop: expected.crop,
      cropReason: null,
      plainAnswer: expected.plainAnswer,
    })
    expect(timings.totalMs).toBeGreaterThan(0)
  })

  it('streams as it is generated, and ends with how the model looked, usage if wanted, and [DONE]', async () => {
    const response = await ask(app, { stream: true, stream_options: { include_usage: true } })
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
    const events = await eventsOf(response)
    const [first, ...rest] = events
    expect(first.choices).toEqual([
      { index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null },
    ])
    const [usage, done] = rest.splice(-2)
    expect(usage).toMatchObject({ choices: [], usage: { completion_tokens: expected.usage.answerTokens } })
    expect(done).toBe('[DONE]')
    const last = rest.pop()
    expect(last).toMatchObject({ choices: [{ delta: {}, finish_reason: 'stop' }] })
    expect(last.vicrop).toMatchObject({ crop: expected.crop, plainAnswer: expected.plainAnswer })
    expect(rest.length).toBeGreaterThan(1)
    expect(rest.map(({ choices }: Body) => choices[0].delta.content).join('')).toBe(expected.answer)
    const heads = [first, ...rest, last, usage].map(({ id, object, model }: Body) => [id, object, model])
    expect(new Set(heads.map(String)).size).toBe(1)
    expect(heads[0]?.slice(1)).toEqual(['chat.completion.chunk', 'tiny'])
  })

  test.each([
    { plain: false, method: 'none' },
    { plain: true, method: 'none' },
    { plain: true, method: 'rel-att', layers: [0], crop: 'auto' },
  ])('streams whole, whatever is asked for: %j', async field => {
    using wide = await vicrop.see(picturePath('wide'))
    const { answer } = await wide.ask(question, field as object)
    const events = await eventsOf(await ask(app, { stream: true, vicrop: field }))
    const pieces = events.slice(0, -2).map(({ choices }: Body) => choices[0].delta.content)
    expect(pieces.join('')).toBe(answer)
  })

  it('of a picture without anything to crop is the plain one, streamed too', async () => {
    const png = await sharp({ create: { width: 1, height: 1, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    const content = [
      { type: 'image_url', image_url: { url: dataUrl(png) } },
      { type: 'text', text: question },
    ]
    const messages = [{ role: 'user', content }]
    const { choices, vicrop: field } = await answered({ messages })
    expect(field).toMatchObject({ crop: null, cropReason: 'nothing to crop' })
    expect(field.plainAnswer).toBe(choices[0].message.content)
    const events = await eventsOf(await ask(app, { messages, stream: true }))
    expect(events[1].choices[0].delta.content).toBe(field.plainAnswer)
  })

  it('about several pictures is that of the library, streamed too, and says where it looked in each', async () => {
    using wide = await vicrop.see(picturePath('wide'))
    using tall = await vicrop.see(picturePath('tall'))
    const together = await wide.ask(question, { others: [tall] })
    const content = [
      ...['wide', 'tall'].map(name => ({ type: 'image_url', image_url: { url: dataUrl(fileOf(name)) } })),
      { type: 'text', text: question },
    ]
    const messages = [{ role: 'user', content }]
    const { choices, usage, vicrop: field } = await answered({ messages, vicrop: { map: 'png' } })
    expect(choices[0].message.content).toBe(together.answer)
    expect(usage.prompt_tokens).toBe(together.usage.promptTokens)
    const map = expect.stringMatching(/^data:image\/png/)
    const { crop, plainAnswer } = together
    expect(field).toMatchObject({ crop, plainAnswer, map, others: [{ crop: together.others[0]?.crop, map }] })
    const events = await eventsOf(await ask(app, { messages, stream: true }))
    const pieces = events.slice(0, -2).map(({ choices }: Body) => choices[0].delta.content)
    expect(pieces.join('')).toBe(together.answer)
    // In a conversation that goes on, without sending them again.
    const later = [...messages, { role: 'assistant', content: 'red' }, { role: 'user', content: question }]
    expect((await answered({ messages: later })).choices[0].message.content).toBe(together.answer)
  })

  it('says that it was cut, and counts its tokens', async () => {
    for (const limit of ['max_tokens', 'max_completion_tokens']) {
      const { choices, usage } = await answered({ [limit]: 2 })
      expect(choices[0].finish_reason).toBe('length')
      expect(usage.completion_tokens).toBe(2)
    }
    const { usage } = await answered({ max_tokens: 2, max_completion_tokens: 3 })
    expect(usage.completion_tokens).toBe(3)
  })

  it('is never longer than the server allows', async () => {
    const short = makeApp(vicrop, { maxNewTokens: 1 })
    const { usage } = await (await ask(short, { max_tokens: 100 })).json()
    expect(usage.completion_tokens).toBe(1)
  })
})

describe('the vicrop field of a request', () => {
  it('chooses the method and what it reads', async () => {
    using wide = await vicrop.see(picturePath('wide'))
    const options = { method: 'grad-att', layers: [0, 2], target: 'red' } as const
    const { crop, target } = await wide.ask(question, options)
    const { vicrop: field } = await answered({ vicrop: options })
    expect(field).toMatchObject({ method: 'grad-att', layers: [0, 2], crop, target })
  })

  it('leaves the plain answer out, and its work', async () => {
    const { choices, vicrop: field } = await answered({ vicrop: { plain: false } })
    expect(field.plainAnswer).toBe(null)
    expect(Object.keys(field.timings)).not.toContain('plainAnswerMs')
    expect(choices[0].message.content).toBe(expected.answer)
  })

  it('asks for the map as values', async () => {
    const { importance } = (await answered({ vicrop: { map: 'values' } })).vicrop
    expect(importance).toMatchObject({ rows: 8, columns: 8 })
    expect(importance.values).toEqual(
      Array.from(expected.importance?.values ?? [], value => Number(value.toPrecision(7))),
    )
  })

  it('asks for the map as a picture over the picture', async () => {
    const { map, importance } = (await answered({ vicrop: { map: 'png' } })).vicrop
    expect(importance).toBe(undefined)
    const png = await decodeImage(Buffer.from(map.slice('data:image/png;base64,'.length), 'base64'))
    expect([png.width, png.height]).toEqual([163 * 6, 122 * 6])
    const grey = png.data.every((value, i) => i % 3 === 0 || value === png.data[i - 1])
    expect(grey).toBe(false)
  })

  it('gives the crop, and then there is no map', async () => {
    const crop = { x: 10, y: 20, width: 70, height: 40 }
    const { vicrop: field } = await answered({ vicrop: { crop, map: 'png' } })
    expect(field).toMatchObject({ crop, map: null })
  })

  it('is over the defaults of the server, of which a method takes what it has', async () => {
    const defaults = { method: 'rel-att', layers: [2], highRes: 'off', variant: 'code' } as const
    const set = makeApp(vicrop, { defaults })
    const field = async (own?: object): Promise<Body> =>
      (await (await ask(set, own && { vicrop: own })).json()).vicrop
    expect(await field()).toMatchObject({ method: 'rel-att', layers: [2], variant: null })
    expect(await field({ layers: [0] })).toMatchObject({ layers: [0] })
    expect(await field({ method: 'pure-grad' })).toMatchObject({ layers: [], variant: 'code' })
  })
})

describe('a conversation', () => {
  it('is about the last picture that it has, and asks what the user said last', async () => {
    const messages = [
      { role: 'system', content: 'You are brief.' },
      about('wide'),
      { role: 'assistant', content: 'red' },
      about('tall', 'What is it?'),
      { role: 'assistant', content: [{ type: 'text', text: 'a door' }] },
      { role: 'user', content: 'Is the door open?' },
    ]
    const { choices, vicrop: field } = await answered({ messages })
    expect(field.image).toEqual({ width: 66, height: 199 })
    expect(choices[0].message.content).toBe(other.answer)
  })

  it('encodes its picture once', async () => {
    let seen = 0
    const counting = makeApp({
      see(image, options) {
        seen++
        return vicrop.see(image, options)
      },
    })
    const turns = [about('wide')]
    for (const text of ['Is the door open?', 'How many birds are there?', 'Is it day?']) {
      const { choices } = await (await ask(counting, { messages: turns })).json()
      turns.push({ role: 'assistant', content: choices[0].message.content }, { role: 'user', content: text })
    }
    expect(seen).toBe(1)
  })

  it('joins the texts of the last message', async () => {
    const [first, second] = ['What is the colour', 'of the small sign?']
    const content = [
      { type: 'text', text: first },
      { type: 'image_url', image_url: { url: dataUrl(fileOf('wide')), detail: 'low' } },
      { type: 'text', text: second },
    ]
    using wide = await vicrop.see(picturePath('wide'))
    const { answer } = await wide.ask(`${first}\n${second}`)
    expect((await answered({ messages: [{ role: 'user', content }] })).choices[0].message.content).toBe(
      answer,
    )
  })
})

describe('what changes nothing', () => {
  test.each([
    { temperature: 1.5, top_p: 0.1, seed: 3, presence_penalty: 1, frequency_penalty: -1 },
    { n: 1, stop: null, tools: [], tool_choice: 'none', logprobs: false, response_format: { type: 'text' } },
    { user: 'me', metadata: { a: 'b' }, store: true, service_tier: 'auto', unheard_of: 1 },
    { stream: null, stream_options: null, max_tokens: null, logit_bias: {} },
  ])('is taken: %j', async more => {
    expect((await answered(more)).choices[0].message.content).toBe(expected.answer)
  })
})

describe('POST /v1/look', () => {
  const look = async (body: object): Promise<Body> => (await post(app, '/v1/look', body)).json()
  const image = dataUrl(fileOf('wide'))

  it('gives the crop and the map, and no answer', async () => {
    const { timings, importance, ...facts } = await look({ image, question })
    expect(facts).toEqual({
      object: 'vicrop.look',
      model: 'tiny',
      question,
      method: 'rel-att',
      layers: [1],
      connectorLayers: [],
      target: null,
      variant: null,
      blocks: null,
      image: { width: 163, height: 122 },
      crop: expected.crop,
      cropReason: null,
    })
    expect(importance).toMatchObject({ rows: 8, columns: 8 })
    expect(Object.keys(timings)).toEqual(['encodeMs', 'mapMs', 'totalMs'])
  })

  it('takes the options of a look, and the form of the map', async () => {
    const found = await look({ image, question, method: 'grad-att', layers: [2], map: false, model: 'tiny' })
    expect(found).toMatchObject({ method: 'grad-att', layers: [2] })
    expect(Object.keys(found)).not.toContain('importance')
    expect((await look({ image, question, map: 'png' })).map).toMatch(/^data:image\/png;base64,/)
  })
})

test('the models are the one that is served', async () => {
  const named = makeApp(vicrop, { model: 'llava-hf/llava-1.5-7b-hf' })
  const entry = {
    id: 'llava-hf/llava-1.5-7b-hf',
    object: 'model',
    created: expect.any(Number),
    owned_by: 'vicrop',
  }
  const list = await named.request('/v1/models')
  expect(await list.json()).toEqual({ object: 'list', data: [entry] })
  for (const path of ['llava-hf%2Fllava-1.5-7b-hf', 'llava-hf/llava-1.5-7b-hf'])
    expect(await (await named.request(`/v1/models/${path}`)).json()).toEqual(entry)
  expect((await named.request('/v1/models/other')).status).toBe(404)
})
