import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { usePage, withoutBrowser } from './browser.ts'
import { forget, keptIn, opening } from './opening.ts'

const weights = readFileSync(fileURLToPath(new URL('../../demo/model/model.safetensors', import.meta.url)))

describe.skipIf(withoutBrowser !== null)('a checkpoint on a host', { timeout: 120_000 }, () => {
  const opened = usePage()
  beforeEach(() => forget(opened().page))

  /** Opens the demo model from a host that answers for its weights with `send`; the page is of `localhost`. */
  async function openFrom(send: (response: ServerResponse, asked: Asked) => void, host = 'localhost') {
    const { site, page } = opened()
    const ranges: (string | null)[] = []
    site.intercept = (request, response) => {
      response.setHeader('access-control-allow-origin', '*')
      if (!request.url?.endsWith('model.safetensors')) return false
      response.setHeader('etag', '"the same"')
      ranges.push(request.headers.range ?? null)
      send(response, askedBy(request))
      return true
    }
    const { error } = await opening(page, `${site.origin.replace('localhost', host)}/demo/model`)
    return { error, ranges, kept: await keptIn(page) }
  }

  it('that compresses all that may be, parts too, is kept', async () => {
    const found = await openFrom((response, { from, to, isPart, mayCompress }) => {
      if (isPart) response.setHeader('content-range', `bytes ${from}-${to}/${weights.length}`)
      if (mayCompress) response.setHeader('content-encoding', 'gzip')
      const bytes = weights.subarray(from, to + 1)
      response.writeHead(isPart ? 206 : 200).end(mayCompress ? gzipSync(bytes) : bytes)
    })
    expect(found).toEqual({ error: null, ranges: [first, null], kept: [weights.length] })
  })

  it.each(['localhost', '127.0.0.1'])(
    'that has it compressed alone is read whole, and not kept: %s',
    async host => {
      const compressed = gzipSync(weights)
      const found = await openFrom((response, { from, to, isPart }) => {
        response.setHeader('content-encoding', 'gzip')
        if (isPart) response.setHeader('content-range', `bytes ${from}-${to}/${compressed.length}`)
        response.writeHead(isPart ? 206 : 200, {
          'content-length': isPart ? to + 1 - from : compressed.length,
        })
        response.end(isPart ? compressed.subarray(from, to + 1) : compressed)
      }, host)
      expect(found).toEqual({ error: null, ranges: [first, null], kept: [] })
    },
  )

  it('that does not say how large it is is read whole, and not kept', async () => {
    const found = await openFrom((response, { from, to, isPart }) => {
      if (isPart) response.setHeader('content-range', `bytes ${from}-${to}/*`)
      response.writeHead(isPart ? 206 : 200)
      response.write(weights.subarray(from, to + 1))
      response.end()
    })
    expect(found).toEqual({ error: null, ranges: [first, null], kept: [] })
  })

  it('that has no parts and no size is read once', async () => {
    const found = await openFrom(response => {
      response.write(weights)
      response.end()
    })
    expect(found).toEqual({ error: null, ranges: [first], kept: [] })
  })

  it('that has no parts is kept', async () => {
    const found = await openFrom(response => {
      response.writeHead(200, { 'content-length': weights.length }).end(weights)
    })
    expect(found).toEqual({ error: null, ranges: [first, null], kept: [weights.length] })
  })

  it('that compresses it and breaks off is refused', async () => {
    const { error, kept } = await openFrom(response => {
      response.setHeader('content-encoding', 'gzip')
      response.write(gzipSync(weights).subarray(0, 1_000_000), () => response.destroy())
    })
    expect(error).toMatchInlineSnapshot(
      `"model.safetensors: the download broke off (Failed to fetch); check the connection, and open the model again."`,
    )
    expect(kept).toEqual([])
  })

  it('that states a wrong size is refused, and nothing of it kept', async () => {
    const opening = (total: number) =>
      openFrom((response, { from, to, isPart }) => {
        if (isPart) response.setHeader('content-range', `bytes ${from}-${to}/${total}`)
        response.writeHead(isPart ? 206 : 200).end(weights.subarray(from, to + 1))
      })
    const [more, less] = [await opening(weights.length + 1), await opening(weights.length - 1)]
    expect(more.error).toMatchInlineSnapshot(
      `"model.safetensors: has 5832841 bytes, but its last tensor ends at 5832840; the file is damaged, download it again."`,
    )
    expect(less.error).toMatchInlineSnapshot(
      `"model.safetensors: tensor "vision_tower.vision_model.pre_layrnorm.weight" ends at byte 5814592 of the data, but the file holds 5814591; the file is damaged, download it again."`,
    )
    expect([more.kept, less.kept]).toEqual([[], []])
  })
})

const first = 'bytes=0-131071'

interface Asked {
  /** The bytes that are asked for, the last included. */
  readonly from: number
  readonly to: number
  readonly isPart: boolean
  readonly mayCompress: boolean
}

function askedBy({ headers }: IncomingMessage): Asked {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
  return {
    from: Number(from ?? 0),
    to: Number(to ?? weights.length - 1),
    isPart: from !== undefined,
    mayCompress: `${headers['accept-encoding']}`.includes('gzip'),
  }
}
