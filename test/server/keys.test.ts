import { timingSafeEqual } from 'node:crypto'
import { describe, expect, it, test, vi } from 'vitest'
import { keyCheck } from '../../src/server/keys.ts'
import { ask, fakeModel, makeApp } from './app.ts'

vi.mock('node:crypto', async load => {
  const crypto = await load<typeof import('node:crypto')>()
  return { ...crypto, timingSafeEqual: vi.fn(crypto.timingSafeEqual) }
})

const app = makeApp(fakeModel(), { keys: ['first key', 'second'] })
const status = async (authorization?: string, path = '/v1/models'): Promise<number> =>
  (await app.request(path, authorization === undefined ? {} : { headers: { authorization } })).status

describe('who knows a key', () => {
  test.each(['Bearer first key', 'Bearer second', 'bearer second'])('is let in: %s', async authorization => {
    expect(await status(authorization)).toBe(200)
    expect(await status(authorization, '/metrics')).toBe(200)
    expect((await ask(app, {}, { headers: { authorization } })).status).toBe(200)
  })
})

describe('who does not', () => {
  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer first',
    'Bearer seconds',
    'Bearer first key,second',
    'Basic second',
    'second',
  ])('is not: %j', async authorization => {
    for (const path of ['/v1/models', '/metrics', '/v1/unknown'])
      expect(await status(authorization, path), path).toBe(401)
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
    expect((await ask(app, {}, { headers })).status).toBe(401)
  })

  it('is told so in the form of the OpenAI API', async () => {
    const response = await app.request('/v1/models', { headers: { authorization: 'Bearer x' } })
    expect(await response.json()).toEqual({
      error: {
        message: 'The API key is not known here. Send the header "Authorization: Bearer KEY".',
        type: 'authentication_error',
        param: null,
        code: 'invalid_api_key',
      },
    })
  })

  it('may still see whether the server is well', async () => {
    expect([await status(undefined, '/health'), await status(undefined, '/ready')]).toEqual([200, 200])
  })
})

it('without keys, everybody is let in', () => {
  const check = keyCheck([])
  expect(() => check(undefined)).not.toThrow()
  expect(() => check('Bearer x')).not.toThrow()
})

test.each(['Bearer a', 'Bearer c', 'Bearer x', 'Bearer a-very-long-one', undefined])(
  'all keys are compared, in constant time and as digests of one length, whatever is sent: %s',
  authorization => {
    const compared = vi.mocked(timingSafeEqual)
    const check = keyCheck(['a', 'bb', 'c'])
    compared.mockClear()
    try {
      check(authorization)
    } catch {}
    const lengths = compared.mock.calls.map(([known, found]) => [known.byteLength, found.byteLength])
    expect(lengths).toEqual([
      [32, 32],
      [32, 32],
      [32, 32],
    ])
  },
)
