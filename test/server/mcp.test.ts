import { type CallToolResult, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import { cropImage } from '../../src/image/image.ts'
import { resize } from '../../src/image/resize.ts'
import { type Answer, ViCrop } from '../../src/index.ts'
import { isPublicAddress } from '../../src/server/addresses.ts'
import { toApiError } from '../../src/server/errors.ts'
import { imageReader } from '../../src/server/images.ts'
import { withDefaults } from '../../src/server/look-defaults.ts'
import { type McpBackend, mcpHandler } from '../../src/server/mcp.ts'
import { Pictures } from '../../src/server/pictures.ts'
import { file, picture, question } from '../ai-sdk/demo.ts'

const image = `data:image/webp;base64,${Buffer.from(file(picture)).toString('base64')}`

let vicrop: ViCrop
let expected: Answer
/** Called before the model is asked. */
let before: (signal: AbortSignal) => Promise<void> = async () => {}
const app = new Hono()

beforeAll(async () => {
  vicrop = await ViCrop.open()
  using seen = await vicrop.see(file(picture))
  expected = await seen.ask(question)
  const pictures = new Pictures(vicrop, { maxPictures: 4, maxBytes: 2 ** 30, maxPixels: 1e7 })
  const readImage = imageReader({ maxBytes: 2 ** 20, timeoutMs: 1000, mayFetch: isPublicAddress })
  const backend: McpBackend = {
    model: 'demo',
    imageForms: 'A data URL, or a URL of http or https.',
    maxNewTokens: 50,
    async use({ image, options, signal }, work) {
      const how = { ...withDefaults(options, { method: 'rel-att' }), signal }
      const bytes = await readImage(image, signal)
      await before(signal)
      return pictures.use(bytes, how.method, picture => work(picture, how))
    },
    explain: error => toApiError(error).message,
  }
  const handler = mcpHandler(backend, {
    version: '1.2.3',
    maxRequestBytes: 2 ** 22,
    onError: () => {},
  })
  app.all('/mcp', c => handler.fetch(c.req.raw))
})
afterAll(() => vicrop.release())

const revisions = [
  ['2025-11-25', 'legacy'],
  ['2026-07-28', { pin: '2026-07-28' }],
] as const

describe.each(revisions)('a client of revision %s, over HTTP', (revision, mode) => {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
  const call = (name: string, given: object, options = {}): Promise<CallToolResult> =>
    client.callTool({ name, arguments: { image, question, ...given } }, options) as Promise<CallToolResult>

  beforeAll(async () => {
    const fetch = async (url: string | URL, init?: RequestInit): Promise<Response> =>
      app.request(String(url), init)
    await client.connect(new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), { fetch }))
  })
  afterAll(() => client.close())

  it('is told which tools there are, what they take and give, and that they change nothing', async () => {
    expect(client.getServerVersion()).toMatchObject({ name: 'vicrop', version: '1.2.3' })
    expect(client.getNegotiatedProtocolVersion()).toBe(revision)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(['look', 'ask'])
    for (const { annotations, inputSchema, outputSchema } of tools) {
      expect(annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false, idempotentHint: true })
      expect(inputSchema.required).toEqual(['image', 'question'])
      expect(inputSchema.additionalProperties).toBe(false)
      expect(inputSchema.properties?.image).toMatchObject({
        description: 'A data URL, or a URL of http or https.',
      })
      expect(outputSchema?.required).toContain('crop')
    }
  })

  it('is given the crop of the library, as a picture, and a summary of the map', async () => {
    const { content, structuredContent, isError } = await call('look', {})
    expect(isError).toBeFalsy()
    const { method, image: size, crop, cropReason, layers, importance } = expected
    expect(structuredContent).toEqual({
      ...{ model: 'demo', method, image: size, crop, cropReason, layers },
      map: {
        rows: importance?.rows,
        columns: importance?.columns,
        peak: expect.any(Object),
        attentionRatio: expect.any(Number),
      },
    })
    const { map } = structuredContent as { map: { peak: { x: number; y: number }; attentionRatio: number } }
    expect(map.attentionRatio).toBeGreaterThan(2)
    // The date stands at 95,149, 98 x 31 pixels.
    expect(map.peak.x).toBeGreaterThan(95 - 50)
    expect(map.peak.x).toBeLessThan(95 + 98)
    const [text, picture, ...others] = content
    expect(others).toEqual([])
    expect(text?.type === 'text' && JSON.parse(text.text)).toEqual(structuredContent)
    const region = cropImage(await decodeImage(Buffer.from(image.split(',')[1] as string, 'base64')), crop!)
    const enlarged = resize(region, { width: 448, height: 448 }, 'bicubic')
    expect(Buffer.compare((await pixelsOf(picture)).data, enlarged.data)).toBe(0)
  })

  it('is given the map over the picture if it asks for that, and what it asks for', async () => {
    const crop = { x: 0, y: 0, width: 100, height: 50 }
    const { content } = await call('look', { overlay: true })
    expect((await Promise.all(content.slice(1).map(pixelsOf))).map(({ width }) => width)).toEqual([448, 1344])
    const given = await call('look', { overlay: true, crop })
    expect(given.structuredContent).toMatchObject({ crop, map: null })
    expect(given.content).toHaveLength(2)
    const graded = await call('look', { method: 'grad-att', layers: [2] })
    expect(graded.structuredContent).toMatchObject({ method: 'grad-att', layers: [2] })
  })

  it('is given the answer of the library', async () => {
    const { answer, plainAnswer, crop, finishReason } = expected
    const { content, structuredContent } = await call('ask', { plain: true })
    expect(structuredContent).toMatchObject({ answer, plainAnswer, crop, finishReason })
    expect(content).toHaveLength(1)
    const short = await call('ask', { maxNewTokens: 1 })
    expect(short.structuredContent).toMatchObject({ finishReason: 'length', plainAnswer: null })
  })

  it('is told meanwhile what is being done, if it wants to know', async () => {
    const told: { progress: number; message?: string }[] = []
    await call('ask', { plain: true }, { onprogress: (progress: (typeof told)[0]) => told.push(progress) })
    const messages = ['reading the picture', 'plain answer', 'map', 'crop answer']
    expect(told).toMatchObject(messages.map((message, i) => ({ progress: i + 1, message })))
  })

  const refusals: [what: string, given: object, message: string | RegExp][] = [
    ['an empty question', { question: ' ' }, 'the question is empty. Ask something about the picture.'],
    [
      'a file that is no picture',
      { image: 'data:image/png;base64,aGVsbG8=' },
      /^image: not a picture that can be read/,
    ],
    [
      'a data URL of two megabytes',
      { image: `data:image/png;base64,${'A'.repeat(2 ** 21)}` },
      'image: the file has more than the 1048576 bytes that are taken. Send a smaller one.',
    ],
    ['a path', { image: '/etc/passwd' }, 'image: the URL is none of http, https or data.'],
    ['the URL of a file', { image: 'file:///etc/passwd' }, 'image: the URL is none of http, https or data.'],
    [
      'a URL of this machine',
      { image: 'http://127.0.0.1:1/a.png' },
      /^image: 127\.0\.0\.1 is no public address/,
    ],
    ['no picture', { image: undefined }, /^Input validation error: Invalid arguments for tool ask: image: /],
    ['an unknown option', { layer: 1 }, /Unrecognized key: "layer"$/],
    ['an unknown method', { method: 'best' }, /method: Invalid option: expected one of "rel-att"/],
    ['a layer that there is not', { layers: [99] }, /^layer 99: the model has layers 0 to/],
    [
      'a longer answer than is given',
      { maxNewTokens: 51 },
      /maxNewTokens: Too big: expected number to be <=50$/,
    ],
    ['a question beyond the context', { question: 'what is '.repeat(2000) }, /^prompt: .* Ask a shorter/],
  ]
  test.each(refusals)('is refused %s, and told why', async (_, given, message) => {
    const { content, isError } = await call('ask', given)
    expect(isError).toBe(true)
    expect(content).toEqual([
      { type: 'text', text: typeof message === 'string' ? message : expect.stringMatching(message) },
    ])
  })

  it('is not told of faults of the server', async () => {
    before = async () => {
      throw new Error('/home/somebody/model.safetensors: cannot be read')
    }
    const { content, isError } = await call('look', {}).finally(() => {
      before = async () => {}
    })
    expect(isError).toBe(true)
    expect(JSON.stringify(content)).toMatch(/The server failed at this request/)
  })

  it('cannot call other tools', async () => {
    await expect(call('delete', {})).rejects.toThrow('Tool delete not found')
  })
})

it('a client that leaves ends what was begun for it', async () => {
  const controller = new AbortController()
  const left = new Promise<void>(resolve => {
    before = async signal => {
      signal.addEventListener('abort', () => resolve())
      controller.abort()
      await left
      signal.throwIfAborted()
    }
  })
  const client = new Client(
    { name: 'test', version: '1' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  )
  const fetch = async (url: string | URL, init?: RequestInit): Promise<Response> =>
    app.request(String(url), init)
  await client.connect(new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), { fetch }))
  const call = client.callTool(
    { name: 'look', arguments: { image, question } },
    { signal: controller.signal },
  )
  await expect(call).rejects.toThrow()
  await left
  before = async () => {}
  await client.close()
})

it('a request that is too large is refused before it is read', async () => {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/list',
    params: { a: 'a'.repeat(2 ** 22) },
  })
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
  const response = await app.request('/mcp', { method: 'POST', body, headers })
  expect(response.status).toBe(413)
})

function pixelsOf(content: CallToolResult['content'][0] | undefined) {
  if (content?.type !== 'image') throw new Error(`expected a picture, found ${content?.type}`)
  return decodeImage(Buffer.from(content.data, 'base64'))
}
