import { type CallToolResult, Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterEach, describe, expect, it } from 'vitest'
import type { App } from '../../src/server/app.ts'
import { loopbackHosts } from '../../src/server/guards.ts'
import { dataUrl, fakeModel, fileOf, json, makeApp, question } from './app.ts'

const opened: Client[] = []
afterEach(async () => {
  for (const client of opened.splice(0)) await client.close()
})

async function connect(app: App, headers: Record<string, string> = {}): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' })
  opened.push(client)
  const fetch = async (url: string | URL, init?: RequestInit): Promise<Response> =>
    app.request(String(url), init)
  const options = { fetch, requestInit: { headers } }
  await client.connect(new StreamableHTTPClientTransport(new URL('http://localhost/mcp'), options))
  return client
}

const ask = (client: Client): Promise<CallToolResult> =>
  client.callTool({
    name: 'ask',
    arguments: { image: dataUrl(fileOf('wide')), question },
  }) as Promise<CallToolResult>

describe('the tools at /mcp', () => {
  it('answer from the pictures of the other routes', async () => {
    const model = fakeModel()
    const app = makeApp(model)
    const client = await connect(app)
    expect(client.getServerVersion()).toMatchObject({ name: 'vicrop', version: '1.2.3' })
    for (let i = 0; i < 2; i++)
      expect((await ask(client)).structuredContent).toMatchObject({
        model: 'tiny',
        answer: `about ${question}`,
      })
    await app.request('/v1/look', {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ image: dataUrl(fileOf('wide')), question }),
    })
    expect(model.seen).toBe(1)
    const metrics = await (await app.request('/metrics')).text()
    expect(metrics).toMatch(/^vicrop_looks_total\{method="none",outcome="method none"\} 3$/m)
  })

  it('are in the same queue, and say when it is full', async () => {
    const app = makeApp(
      fakeModel(() => new Promise(() => {})),
      { limits: { maxQueue: 1, timeoutMs: 1000 } },
    )
    const client = await connect(app)
    const [first, second] = await Promise.all([ask(client), ask(client)])
    expect([first?.isError, second?.isError]).toEqual([true, true])
    expect(JSON.stringify([first, second])).toMatch(/took longer than 1 s.*|1 requests are being worked at/)
    expect(JSON.stringify([first, second])).toContain('1 requests are being worked at')
  })

  it('want a key where there are keys', async () => {
    const app = makeApp(fakeModel(), { keys: ['key'] })
    await expect(connect(app)).rejects.toThrow()
    const { structuredContent } = await ask(await connect(app, { authorization: 'Bearer key' }))
    expect(structuredContent).toMatchObject({ answer: `about ${question}` })
  })

  it('are not called by pages of other origins, nor under another name', async () => {
    const app = makeApp(fakeModel(), { hosts: loopbackHosts, origins: ['https://pages.example'] })
    const status = async (headers: Record<string, string>): Promise<number> => {
      const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
      const accept = 'application/json, text/event-stream'
      const all = { ...json, accept, host: 'localhost:8088', ...headers }
      return (await app.request('/mcp', { method: 'POST', headers: all, body: ping })).status
    }
    expect(await status({})).toBe(200)
    expect(await status({ origin: 'http://localhost:8088' })).toBe(200)
    expect(await status({ origin: 'https://pages.example' })).toBe(200)
    for (const origin of ['https://evil.example', 'null', 'http://localhost:9000', 'http://xlocalhost:8088'])
      expect(await status({ origin }), origin).toBe(403)
    expect(await status({ host: 'evil.example' })).toBe(403)
  })

  it('are closed at the end', async () => {
    const app = makeApp(fakeModel())
    app.drain()
    await expect(connect(app)).rejects.toThrow()
  })
})
