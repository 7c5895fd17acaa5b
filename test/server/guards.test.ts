import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, test } from 'vitest'
import { loopbackHosts } from '../../src/server/guards.ts'
import { ask, fakeModel, makeApp } from './app.ts'

describe('pages of other origins', () => {
  const preflight = {
    method: 'OPTIONS',
    headers: {
      origin: 'https://pages.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type,authorization',
    },
  }

  it('may use nothing', async () => {
    const app = makeApp(fakeModel())
    for (const request of [preflight, { headers: { origin: 'https://pages.example' } }]) {
      const { headers } = await app.request('/v1/models', request)
      expect([...headers.keys()].filter(name => name.startsWith('access-control'))).toEqual([])
    }
  })

  it('may use the API when they are named, without knowing a key beforehand', async () => {
    const app = makeApp(fakeModel(), { origins: ['https://pages.example'], keys: ['key'] })
    const asked = await app.request('/v1/chat/completions', preflight)
    expect(asked.status).toBe(204)
    expect(asked.headers.get('access-control-allow-origin')).toBe('https://pages.example')
    expect(asked.headers.get('access-control-allow-headers')).toBe('content-type,authorization')
    const { origin } = preflight.headers
    const models = await app.request('/v1/models', { headers: { origin, authorization: 'Bearer key' } })
    expect([models.status, models.headers.get('access-control-allow-origin')]).toEqual([200, origin])
    const refused = await ask(app, {}, { headers: { origin } })
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin])
    const answered = await ask(app, { stream: true }, { headers: { origin, authorization: 'Bearer key' } })
    expect([answered.status, answered.headers.get('access-control-allow-origin')]).toEqual([200, origin])
    const other = { ...preflight, headers: { ...preflight.headers, origin: 'https://other.example' } }
    expect((await app.request('/v1/models', other)).headers.get('access-control-allow-origin')).toBe(null)
  })
})

describe('a server on loopback', () => {
  const app = makeApp(fakeModel(), { hosts: loopbackHosts })
  const status = async (host: string): Promise<number> =>
    (await app.request('/v1/models', { headers: { host } })).status

  test.each(['localhost', 'localhost:8088', '127.0.0.1:8088', '[::1]:8088', '127.1'])(
    'is called %s',
    async host => {
      expect(await status(host)).toBe(200)
    },
  )

  test.each([
    'evil.example',
    'evil.example:8088',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '',
    ':80',
    'a b',
  ])('is not called %j, as a page could call it whose name is made to point there', async host => {
    expect(await status(host)).toBe(403)
  })
})

it('whoever watches a server need not know its name', async () => {
  const app = makeApp(fakeModel(), { hosts: loopbackHosts })
  for (const path of ['/health', '/ready'])
    expect((await app.request(path, { headers: { host: '' } })).status).toBe(200)
})

describe('the page', () => {
  const parent = mkdtempSync(join(tmpdir(), 'vicrop-page-'))
  afterAll(() => rmSync(parent, { recursive: true }))
  const folder = join(parent, 'page')
  mkdirSync(join(folder, 'assets'), { recursive: true })
  writeFileSync(join(folder, 'index.html'), '<!doctype html>')
  writeFileSync(join(folder, 'assets', 'index-B2x_9.js'), 'export {}')
  writeFileSync(join(folder, 'ort.wasm'), 'wasm')
  const modelFolder = join(parent, 'demo')
  mkdirSync(modelFolder)
  writeFileSync(join(modelFolder, 'config.json'), '{}')
  const app = makeApp(fakeModel(), { page: { folder, modelFolder, layerCount: 2 }, keys: ['key'] })

  test.each([
    ['/', 'text/html; charset=utf-8', 'no-cache'],
    ['/assets/index-B2x_9.js', 'text/javascript; charset=utf-8', 'public, max-age=31536000, immutable'],
    ['/ort.wasm', 'application/wasm', 'no-cache'],
    ['/model/config.json', 'application/json', 'no-cache'],
  ])(
    'has its files, with their types, for everybody, kept where their names have a hash: %s',
    async (path, type, kept) => {
      const { status, headers } = await app.request(path)
      expect([status, headers.get('content-type'), headers.get('cache-control')]).toEqual([200, type, kept])
    },
  )

  it('may run its own code alone, is shown in no frame, and has threads', async () => {
    const { headers } = await app.request('/')
    const policy = headers.get('content-security-policy')
    expect(policy).toContain("default-src 'none'; script-src 'self' 'wasm-unsafe-eval';")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).not.toContain('unsafe-inline')
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('is made of the files that were there at the start, and no path is made of what is asked for', async () => {
    writeFileSync(join(folder, '..', 'secret.txt'), 'secret')
    writeFileSync(join(folder, 'later.txt'), 'later')
    const paths = [
      '/later.txt',
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/assets/..%5c..%5csecret.txt',
    ]
    for (const path of [...paths, '/assets', '/assets/', '/%00', '//etc/passwd'])
      expect((await app.request(path)).status, path).toBe(404)
  })
})

it('every response has an id, the one that a client gave if it is a plain one', async () => {
  const app = makeApp(fakeModel())
  const idOf = async (id: string): Promise<string | null> =>
    (await app.request('/health', { headers: { 'x-request-id': id } })).headers.get('x-request-id')
  expect(await idOf('abc-1')).toBe('abc-1')
  expect(await idOf('a b{"')).toMatch(/^[0-9a-f-]{36}$/)
})

describe('a server that is shutting down', () => {
  it('is not ready, is well, takes no more questions and has connections closed', async () => {
    const app = makeApp(fakeModel())
    app.drain()
    const [ready, health, list] = await Promise.all(
      ['/ready', '/health', '/v1/models'].map(path => app.request(path)),
    )
    expect([ready?.status, health?.status, list?.status]).toEqual([503, 200, 200])
    const asked = await app.request('/v1/chat/completions', { method: 'POST' })
    expect(asked.status).toBe(503)
    expect(asked.headers.get('retry-after')).toBe('1')
    expect(asked.headers.get('connection')).toBe('close')
  })
})

it('metrics count requests, looks, tokens and pictures', async () => {
  const app = makeApp(fakeModel())
  await ask(app)
  await ask(app)
  await app.request('/v1/nothing')
  const text = await (await app.request('/metrics')).text()
  for (const line of [
    'vicrop_request_seconds_count{route="/v1/chat/completions",status="200"} 2',
    'vicrop_request_seconds_count{route="other",status="404"} 1',
    'vicrop_looks_total{method="none",outcome="method none"} 2',
    'vicrop_tokens_total{of="prompt"} 6',
    'vicrop_tokens_total{of="answer"} 4',
    'vicrop_pictures 1',
    'vicrop_pictures_encoded 1',
    'vicrop_pictures_reused 1',
    'vicrop_requests_waiting 0',
    'vicrop_requests_running 0',
  ])
    expect(text).toContain(line)
  expect(text).toContain('process_resident_memory_bytes')
})
