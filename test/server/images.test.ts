import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { isPublicAddress } from '../../src/server/addresses.ts'
import { type ImageLimits, imageReader } from '../../src/server/images.ts'
import { fileOf } from './app.ts'

// Two servers on loopback: one at an address that may be fetched from, which stands for the internet, and one at an
// address that may not.
const [outer, inner] = ['127.0.0.2', '127.0.0.1']

let answer: (request: IncomingMessage, response: ServerResponse) => void
const hits = { outer: 0, inner: 0 }
const servers: Server[] = []
let port: number
let innerPort: number
beforeAll(async () => {
  const listening = async (name: keyof typeof hits, address: string): Promise<number> => {
    const server = createServer((request, response) => {
      hits[name]++
      answer(request, response)
    })
    servers.push(server)
    await new Promise<void>(resolve => server.listen(0, address, resolve))
    return (server.address() as AddressInfo).port
  }
  port = await listening('outer', outer)
  innerPort = await listening('inner', inner)
})
afterAll(() => {
  for (const server of servers) server.closeAllConnections()
  for (const server of servers) server.close()
})
afterEach(() => {
  Object.assign(hits, { outer: 0, inner: 0 })
})

const file = fileOf('wide')
const png = { 'content-type': 'image/png' }
const send =
  (body: Uint8Array | string, headers: object = png, status = 200): typeof answer =>
  (_, response) =>
    void response.writeHead(status, headers as Record<string, string>).end(body)

const reader = (more: Partial<ImageLimits> = {}) =>
  imageReader({ maxBytes: 100_000, timeoutMs: 2000, mayFetch: address => address === outer, ...more })
const signal = new AbortController().signal
const read = (url: string, more?: Partial<ImageLimits>): Promise<Uint8Array> => reader(more)(url, signal)

describe('a URL', () => {
  it('is fetched', async () => {
    answer = send(file)
    expect(Buffer.from(await read(`http://${outer}:${port}/a.png`))).toEqual(file)
  })

  it('is looked up by name, and followed through a few redirects', async () => {
    answer = (request, response) => {
      const left = Number(request.url?.slice(1))
      if (left === 0) send(file)(request, response)
      else response.writeHead(302, { location: `/${left - 1}` }).end()
    }
    const resolve = async () => [{ address: outer, family: 4 }]
    expect(Buffer.from(await read(`http://pictures.example:${port}/3`, { resolve }))).toEqual(file)
    await expect(read(`http://pictures.example:${port}/4`, { resolve })).rejects.toThrow('status 302')
  })

  test.each(['application/octet-stream', 'binary/octet-stream', 'IMAGE/JPEG; q=1'])(
    'may have content of type %s',
    async type => {
      answer = send(file, { 'content-type': type })
      expect(await read(`http://${outer}:${port}/`)).toHaveLength(file.length)
    },
  )
})

/** Forms in which loopback, private and other inner addresses are written to get past a check. */
const forms = [
  'http://127.0.0.1/',
  'http://127.0.0.1:PORT/',
  'http://localhost:PORT/',
  'http://LOCALHOST:PORT/',
  'http://127.1:PORT/',
  'http://127.0.1:PORT/',
  'http://2130706433:PORT/',
  'http://0x7f000001:PORT/',
  'http://0x7f.0.0.1:PORT/',
  'http://017700000001:PORT/',
  'http://0177.0.0.1:PORT/',
  'http://0177.0.0.0x1:PORT/',
  'http://127.0.0.1.:PORT/',
  'http://①②⑦.0.0.1:PORT/',
  'http://127。0。0。1:PORT/',
  'http://%31%32%37.0.0.1:PORT/',
  'http://[::1]:PORT/',
  'http://[0:0:0:0:0:0:0:1]:PORT/',
  'http://[::ffff:127.0.0.1]:PORT/',
  'http://[::ffff:7f00:1]:PORT/',
  'http://[::127.0.0.1]:PORT/',
  'http://[64:ff9b::127.0.0.1]:PORT/',
  'http://[2002:7f00:1::]:PORT/',
  'http://[::]:PORT/',
  'http://0.0.0.0:PORT/',
  'http://0:PORT/',
  'http://10.0.0.1/',
  'http://172.16.0.1/',
  'http://192.168.0.1/',
  'http://100.64.0.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://[fe80::1]/',
  'http://[fd00:ec2::254]/latest/meta-data/',
  'http://2852039166/latest/meta-data/',
  'http:127.0.0.1:PORT/',
  'http:\\\\127.0.0.1:PORT/',
  'https://127.0.0.1:PORT/',
  'http://1.1.1.1@127.0.0.1:PORT/',
  'http://user:word@127.0.0.1:PORT/',
  'file:///etc/passwd',
  'ftp://127.0.0.1/',
  'gopher://127.0.0.1/',
  'javascript:alert(1)',
  'blob:http://127.0.0.1/x',
  '//127.0.0.1/',
  '/etc/passwd',
  'http://',
  '',
]

describe('nothing is fetched from', () => {
  test.each(forms)('%s', async form => {
    answer = send(file)
    await expect(
      read(form.replace('PORT', `${innerPort}`), { mayFetch: isPublicAddress }),
    ).rejects.toMatchObject({
      status: 400,
      code: 'invalid_image_url',
      message: expect.stringMatching(/no public address|none of http, https or data|user name/),
    })
    expect(hits.inner).toBe(0)
  })

  it('a name with an inner address, nor with one beside others', async () => {
    answer = send(file)
    for (const addresses of [[inner], [outer, inner], ['::1'], ['::ffff:127.0.0.1']]) {
      const resolve = async () =>
        addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }))
      await expect(read(`http://pictures.example:${innerPort}/`, { resolve })).rejects.toThrow(
        'no public address',
      )
    }
    expect(hits).toEqual({ outer: 0, inner: 0 })
  })

  test.each([
    'http://127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    '//127.0.0.1:PORT/',
  ])('where a redirect leads: %s', async location => {
    answer = (_, response) =>
      void response.writeHead(302, { location: location.replace('PORT', `${innerPort}`) }).end()
    await expect(read(`http://${outer}:${port}/`)).rejects.toMatchObject({ status: 400 })
    expect(hits).toEqual({ outer: 1, inner: 0 })
  })

  test.each(['file:///etc/passwd', 'data:image/png;base64,AAAA', 'ftp://127.0.0.2/', 'http://'])(
    'where a redirect leads out of the web: %s',
    async location => {
      answer = (_, response) => void response.writeHead(302, { location }).end()
      await expect(read(`http://${outer}:${port}/`)).rejects.toMatchObject({ status: 400 })
      expect(hits.outer).toBe(1)
    },
  )

  it('an address that a name gets after it was checked', async () => {
    answer = send(file)
    const asked: string[] = []
    const resolve = async (host: string) => {
      asked.push(host)
      return [{ address: asked.length === 1 ? outer : inner, family: 4 }]
    }
    const rebinding = reader({ resolve })
    expect(await rebinding(`http://pictures.example:${port}/`, signal)).toHaveLength(file.length)
    expect(asked, 'looked up once, for the check and for the connection').toEqual(['pictures.example'])
    servers[0]?.closeAllConnections()
    await expect(rebinding(`http://pictures.example:${port}/`, signal)).rejects.toMatchObject({ status: 400 })
    expect(hits).toEqual({ outer: 1, inner: 0 })
  })
})

describe('a response is refused that', () => {
  const refusal = async (more?: Partial<ImageLimits>): Promise<object> =>
    read(`http://${outer}:${port}/a.png`, more).catch(error => error)

  test.each([
    ['is a page', send('<html>', { 'content-type': 'text/html' }), 'found content of type text/html'],
    ['does not say what it is', send(file, {}), 'found content of type unknown'],
    ['is not there', send('', png, 404), 'answers with status 404'],
    ['was not changed', send('', png, 304), 'answers with status 304'],
    ['failed', send('', png, 500), 'answers with status 500'],
    ['is packed', send(file, { ...png, 'content-encoding': 'gzip' }), 'encoding gzip'],
  ])('%s', async (_, sending, message) => {
    answer = sending
    expect(await refusal()).toMatchObject({ status: 400, message: expect.stringContaining(message) })
  })

  it('says that it is too large, and then none of it is read', async () => {
    answer = (_, response) =>
      void response.writeHead(200, { ...png, 'content-length': '100001' }).flushHeaders()
    expect(await refusal()).toMatchObject({ status: 413, code: 'image_too_large' })
  })

  it('goes on and on', async () => {
    let closed = false
    answer = (_, response) => {
      response.writeHead(200, png).on('close', () => {
        closed = true
      })
      const pour = (): void => {
        while (!closed && response.write(Buffer.alloc(16_384)));
        response.once('drain', pour)
      }
      pour()
    }
    expect(await refusal()).toMatchObject({ status: 413 })
    await expect.poll(() => closed).toBe(true)
  })

  test.each([
    ['never begins', () => {}],
    [
      'never ends',
      (_: unknown, response: ServerResponse) => {
        response.writeHead(200, png).write('x')
      },
    ],
  ])('%s', async (_, sending) => {
    answer = sending
    expect(await refusal({ timeoutMs: 100 })).toMatchObject({
      status: 400,
      message: expect.stringContaining('0.1 s'),
    })
  })

  it('is cut off', async () => {
    answer = (_, response) => {
      response.writeHead(200, { ...png, 'content-length': '1000' }).write('x')
      setTimeout(() => response.destroy(), 20)
    }
    expect(await refusal()).toMatchObject({
      status: 400,
      message: expect.stringContaining('cannot be fetched from'),
    })
  })
})

it('a name that is not known, and a port where nobody listens, are said to be so', async () => {
  const unknown = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })
  const resolve = () => Promise.reject(unknown)
  await expect(read('http://nowhere.example/', { resolve })).rejects.toThrow(
    'nowhere.example cannot be fetched from (ENOTFOUND)',
  )
  await expect(read(`http://${outer}:1/`)).rejects.toThrow('(ECONNREFUSED)')
})

it('who leaves stops the fetching', async () => {
  let closed = false
  answer = (_, response) =>
    void response.on('close', () => {
      closed = true
    })
  const leaving = new AbortController()
  const reading = reader()(`http://${outer}:${port}/`, leaving.signal)
  await expect.poll(() => hits.outer).toBe(1)
  leaving.abort(new Error('gone'))
  await expect(reading).rejects.toThrow('gone')
  await expect.poll(() => closed).toBe(true)
})

it('nothing is fetched where that is switched off', async () => {
  await expect(read(`http://${outer}:${port}/`, { mayFetch: null })).rejects.toThrow('data URLs alone')
  expect(hits.outer).toBe(0)
})
