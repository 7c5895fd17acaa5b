import { checkTextSize, MAX_TEXT_BYTES, parseText } from './checkpoint.ts'
import { oneLine, WeightsError } from './error.ts'

/** Bytes of a file. */
interface Range {
  readonly from: number
  readonly length: number
}

/**
 * Asks for a file, or for a part of it, which is sent whole where the server has no parts.
 *
 * @returns null when there is no such file
 * @throws WeightsError when the server cannot be reached, or answers something else
 */
export async function ask(
  address: URL,
  signal: AbortSignal | undefined,
  range?: Range,
): Promise<Response | null> {
  signal?.throwIfAborted()
  const where = `${address.origin}${address.pathname}`
  const headers = {
    // Not a page: some servers have one to show for every address.
    accept: 'application/json, application/octet-stream, text/plain',
    ...(range === undefined ? {} : { range: `bytes=${range.from}-${range.from + range.length - 1}` }),
  }
  // Chromium would complete a part that it has kept by further parts, and take those for plain which come compressed.
  const cache = range === undefined ? 'no-cache' : 'no-store'
  const request = { headers, cache, ...(signal === undefined ? {} : { signal }) } as const
  const response = await fetch(address, request).catch(error => {
    throw new WeightsError(
      `${where}: cannot be reached (${oneLine(error.message)}); check the address, and that its server lets pages of other sites read it (CORS).`,
    )
  })
  const isPage = response.headers.get('content-type')?.startsWith('text/html') === true
  if (response.ok && !isPage) return response
  await response.body?.cancel().catch(() => {})
  if (response.status === 404 || response.ok) return null
  if (response.status === 401 || response.status === 403)
    throw new WeightsError(
      `${where}: may not be read without a login, if it is there (${response.status}); check the address, or download the model and choose its files.`,
    )
  const remedy = response.status >= 500 ? 'try again later' : 'check the address'
  throw new WeightsError(`${where}: the server answers ${response.status}; ${remedy}.`)
}

/** Of the whole file, whatever part of it comes; null where that is not stated, or of what it is compressed to. */
export function sizeOf({ status, headers }: Response): number | null {
  const stated =
    status === 206
      ? /\/(\d{1,15})$/.exec(headers.get('content-range') ?? '')?.[1]
      : headers.get('content-length')
  return stated != null && headers.get('content-encoding') === null ? Number(stated) : null
}

/** What tells two states of a file apart, or null. */
export function versionOf({ headers }: Response): string | null {
  const [etag, modified] = [headers.get('etag'), headers.get('last-modified')]
  return etag === null && modified === null ? null : JSON.stringify([etag, modified])
}

/** @throws WeightsError when it is too long, or no UTF-8 */
export async function readText(response: Response, name: string): Promise<string> {
  checkTextSize(Number(response.headers.get('content-length') ?? 0), name)
  const bytes = await readStream(response, name, 0, MAX_TEXT_BYTES + 1)
  checkTextSize(bytes.length, name)
  return parseText(bytes, name)
}

/** The bytes asked for; a server without ranges sends the file from its start. */
export const readRange = (
  response: Response,
  name: string,
  offset: number,
  length: number,
): Promise<Uint8Array> => readStream(response, name, response.status === 206 ? 0 : offset, length)

/** Up to `length` bytes of an answer behind the first `skip`, without reading on. */
async function readStream(
  { body }: Response,
  name: string,
  skip: number,
  length: number,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let [at, taken] = [0, 0]
  const reader = body?.getReader()
  try {
    while (taken < length) {
      const { value } = (await reader?.read()) ?? {}
      if (value === undefined) break
      const part = value.subarray(Math.max(0, skip - at), Math.max(0, skip - at) + length - taken)
      at += value.length
      taken += part.length
      parts.push(part)
    }
  } catch (error) {
    throw cut(name, error)
  }
  await reader?.cancel().catch(() => {})
  return joined(parts, taken)
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** What ended a download, as a message; an error of the caller's own as it is. */
export function cut(name: string, error: unknown): unknown {
  if (error instanceof DOMException)
    return new WeightsError(`${name}: the browser cannot keep it (${error.name}); free some space.`)
  if (!(error instanceof TypeError)) return error
  const reason = oneLine(error.message)
  return new WeightsError(
    `${name}: the download broke off (${reason}); check the connection, and open the model again.`,
  )
}
