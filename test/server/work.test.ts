import { describe, expect, it, vi } from 'vitest'
import { Work } from '../../src/server/work.ts'
import { ask, type Body, fakeModel, json, makeApp } from './app.ts'

/** Work that waits until it is let go, in the order in which it came. */
function gate(): { pass: () => void; waits: () => Promise<void>; waiting: () => number } {
  const waiting: (() => void)[] = []
  return {
    pass: () => waiting.shift()?.(),
    waits: () => new Promise(resolve => waiting.push(resolve)),
    waiting: () => waiting.length,
  }
}

describe('a full queue', () => {
  it('takes no more requests, says when to come again, and takes them again later', async () => {
    const { pass, waits, waiting } = gate()
    const app = makeApp(fakeModel(waits), { limits: { maxQueue: 2 } })
    const taken = [ask(app), ask(app)]
    await expect.poll(waiting).toBe(1)
    const refused = await ask(app)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(((await refused.json()) as Body).error).toMatchObject({
      type: 'rate_limit_error',
      code: 'queue_full',
    })
    for (const response of taken) {
      await expect.poll(waiting).toBe(1)
      pass()
      expect((await response).status).toBe(200)
    }
    const again = ask(app)
    await expect.poll(waiting).toBe(1)
    pass()
    expect((await again).status).toBe(200)
  })

  it('does not read what it refuses', async () => {
    const app = makeApp(
      fakeModel(() => new Promise(() => {})),
      { limits: { maxQueue: 1 } },
    )
    void ask(app)
    let pulled = 0
    const body = new ReadableStream(
      {
        pull(controller) {
          pulled++
          controller.enqueue(new Uint8Array(1000))
        },
      },
      { highWaterMark: 0 },
    )
    const request = { method: 'POST', headers: json, body, duplex: 'half' } as RequestInit
    expect((await app.request('/v1/chat/completions', request)).status).toBe(429)
    expect(pulled).toBe(0)
  })

  it('advises longer to wait the more there is to do, within a minute', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
    try {
      const work = new Work({ maxQueue: 10, timeoutMs: 1e9 })
      const { signal } = new AbortController()
      await work.take(signal, ({ compute }) => compute(async () => void vi.advanceTimersByTime(4000)))
      for (let i = 0; i < 10; i++) void work.take(signal, () => new Promise(() => {}))
      await expect(work.take(signal, async () => {})).rejects.toMatchObject({ status: 429, retryAfterS: 20 })
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a request that takes too long', () => {
  it('gets a 503, and the model is free when it has really stopped', async () => {
    const { pass, waits, waiting } = gate()
    const app = makeApp(fakeModel(waits), { limits: { timeoutMs: 500 } })
    const late = await ask(app)
    expect(late.status).toBe(503)
    expect(Number(late.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(((await late.json()) as Body).error).toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('0.5 s'),
    })
    const behind = await ask(app)
    expect([behind.status, waiting()], 'it waited behind the first').toEqual([503, 1])
    pass()
    const last = ask(app)
    await expect.poll(waiting).toBe(1)
    pass()
    expect((await last).status).toBe(200)
  })

  it('gets it while it is being read, too', async () => {
    const app = makeApp(fakeModel(), { limits: { timeoutMs: 50 } })
    const body = new ReadableStream({ start: controller => controller.enqueue(new Uint8Array(1)) })
    const request = { method: 'POST', headers: json, body, duplex: 'half' } as RequestInit
    expect((await app.request('/v1/chat/completions', request)).status).toBe(503)
  })
})

describe('a client that leaves', () => {
  it('stops what was being computed for it', async () => {
    const { pass, waits, waiting } = gate()
    const app = makeApp(fakeModel(waits))
    const leaving = new AbortController()
    const left = ask(app, {}, { signal: leaving.signal })
    await expect.poll(waiting).toBe(1)
    leaving.abort()
    expect((await left).status).toBe(499)
    pass()
    const next = ask(app)
    await expect.poll(waiting).toBe(1)
    pass()
    expect((await next).status).toBe(200)
  })

  it('makes room in the queue at once', async () => {
    const { waits, waiting } = gate()
    const app = makeApp(fakeModel(waits), { limits: { maxQueue: 2 } })
    void ask(app)
    await expect.poll(waiting).toBe(1)
    const leaving = new AbortController()
    const left = ask(app, {}, { signal: leaving.signal })
    expect((await ask(app)).status).toBe(429)
    leaving.abort()
    expect((await left).status).toBe(499)
    const next = ask(app)
    expect(await Promise.race([next, new Promise(resolve => setTimeout(resolve, 20, 'waits'))])).toBe('waits')
  })

  it('had left already, and nothing is begun', async () => {
    const model = fakeModel()
    const response = await ask(makeApp(model), {}, { signal: AbortSignal.abort() })
    expect([response.status, model.seen]).toEqual([499, 0])
  })
})
