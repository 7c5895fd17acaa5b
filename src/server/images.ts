import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, type Dispatcher, interceptors, request } from 'undici'
import { ApiError, badRequest } from './errors.ts'

export interface ImageLimits {
  /** Bytes of a picture's file. */
  readonly maxBytes: number
  /** What fetching one may take. */
  readonly timeoutMs: number
  /** Which addresses may be fetched from; null: none. */
  readonly mayFetch: ((address: string) => boolean) | null
  /** The addresses of a name. Default: those that the system finds. */
  readonly resolve?: Resolve
}

type Resolve = (host: string) => Promise<LookupAddress[]>

const systemResolve: Resolve = host => lookup(host, { all: true })

/** The bytes of the picture that a client names by a data URL, or by one of http or https. */
export type ReadImage = (url: string, signal: AbortSignal) => Promise<Uint8Array>

export function imageReader(limits: ImageLimits): ReadImage {
  const { mayFetch, resolve = systemResolve } = limits
  const dispatcher = mayFetch && pinnedDispatcher(mayFetch, resolve)
  return async (url, signal) => {
    if (/^data:/i.test(url)) return readDataUrl(url, limits.maxBytes)
    if (dispatcher === null) throw refused('pictures are taken as data URLs alone here')
    return fetchImage(webUrl(url), dispatcher, limits, signal)
  }
}

const refused = (problem: string): ApiError => badRequest(`image: ${problem}.`, 'image', 'invalid_image_url')

function readDataUrl(url: string, maxBytes: number): Uint8Array {
  const comma = url.indexOf(',')
  const [type = '', ...parameters] = url.slice('data:'.length, Math.max(0, comma)).toLowerCase().split(';')
  if (!type.startsWith('image/') || parameters.at(-1) !== 'base64')
    throw refused('expected "data:image/TYPE;base64," and the file in base64')
  const bytes = Buffer.from(url.slice(comma + 1), 'base64')
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)
  return bytes
}

const tooLarge = (maxBytes: number): ApiError =>
  new ApiError(
    413,
    `image: the file has more than the ${maxBytes} bytes that are taken. Send a smaller one.`,
    {
      param: 'image',
      code: 'image_too_large',
    },
  )

function webUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) throw refused('the URL is none of http, https or data')
  if (url.username !== '' || url.password !== '')
    throw refused('a URL with a user name or a password in it is not fetched')
  return url
}

/** Enough for what shorteners and content networks do. */
const maxRedirects = 3

const connectTimeoutMs = 5_000

/**
 * Connects to addresses that may be fetched from alone, at every redirect too. A name is looked up once, when the
 * connection is made, and the very addresses that were checked are connected to: no second answer of a name server comes
 * in between.
 */
function pinnedDispatcher(mayFetch: (address: string) => boolean, resolve: Resolve): Dispatcher {
  const forbidden = (host: string): ApiError =>
    refused(`${host} is no public address, and only these are fetched from. Send the file as a data URL`)
  const checkedResolve: Resolve = async host => {
    const addresses = await resolve(host)
    if (addresses.every(({ address }) => mayFetch(address))) return addresses
    throw forbidden(host)
  }
  const checkedLookup: LookupFunction = (host, _, done) =>
    void checkedResolve(host).then(
      addresses => done(null, addresses),
      error => done(error, []),
    )
  // With this choice a lookup is asked for all addresses of a name.
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    autoSelectFamily: true,
    lookup: checkedLookup,
  })
  const agent = new Agent({
    connect: (options, done) => {
      // Addresses are connected to without being looked up.
      const host = options.hostname.replace(/^\[|\]$/g, '')
      if (isIP(host) === 0 || mayFetch(host)) connect(options, done)
      else done(forbidden(host), null)
    },
  })
  return agent.compose(interceptors.redirect({ maxRedirections: maxRedirects }))
}

async function fetchImage(
  url: URL,
  dispatcher: Dispatcher,
  { maxBytes, timeoutMs }: ImageLimits,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const tooSlow = AbortSignal.timeout(timeoutMs)
  const headers = { accept: 'image/*', 'accept-encoding': 'identity', 'user-agent': 'vicrop' }
  try {
    const limits = { dispatcher, signal: AbortSignal.any([signal, tooSlow]) }
    const { statusCode, headers: found, body } = await request(url, { ...limits, headers })
    // What is left of a body that nobody reads ends its connection.
    await using _ = { [Symbol.asyncDispose]: async () => void body.on('error', () => {}).destroy() }
    if (statusCode !== 200) throw refused(`${url.host} answers with status ${statusCode}`)
    checkHeaders(found, maxBytes)
    return await readBytes(body, maxBytes)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof ApiError) throw error
    if (tooSlow.aborted) throw refused(`${url.host} took longer than ${timeoutMs / 1000} s`)
    const { code, name } = error as NodeJS.ErrnoException
    throw refused(`${url.host} cannot be fetched from (${code ?? name})`)
  }
}

/** Pictures, and what stores of files say of things whose type nobody told them. The decoder has the last word. */
const contentTypes = /^(image\/|(application|binary)\/octet-stream)/i

function checkHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  maxBytes: number,
): void {
  const { 'content-type': type, 'content-encoding': encoding, 'content-length': length } = headers
  if (!contentTypes.test(`${type}`))
    throw refused(`expected a picture, found content of type ${type ?? 'unknown'}`)
  if (encoding !== undefined && encoding !== 'identity')
    throw refused(`content in the encoding ${encoding} is not taken`)
  if (Number(length) > maxBytes) throw tooLarge(maxBytes)
}

async function readBytes(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Uint8Array> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of body) {
    bytes += part.length
    if (bytes > maxBytes) throw tooLarge(maxBytes)
    parts.push(part)
  }
  return Buffer.concat(parts)
}
