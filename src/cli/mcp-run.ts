import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio'
import pLimit from 'p-limit'
import { readPicture } from '../image/decode-node.ts'
import type { Method } from '../importance/method.ts'
import type { OpenProgress } from '../load.ts'
import { isPublicAddress } from '../server/addresses.ts'
import { imageReader, type ReadImage } from '../server/images.ts'
import { type LookDefaults, withDefaults } from '../server/look-defaults.ts'
import { type McpBackend, mcpServer } from '../server/mcp.ts'
import { Pictures } from '../server/pictures.ts'
import { unlessAborted } from '../server/work.ts'
import { ViCrop } from '../vicrop.ts'
import { namedLayers } from './layers-file.ts'
import { type MapFlags, type OpenFlags, openOptions } from './options.ts'
import { oneLine } from './print.ts'

export interface McpFlags extends MapFlags, OpenFlags {
  readonly model?: string
  readonly method: Method
}

/** Of the file of a picture: as much as any camera writes. */
const maxImageBytes = 64 * 2 ** 20

/** Of a message. A picture in base64 that is larger than is taken still fits, and is refused by name. */
const maxMessageBytes = 4 * maxImageBytes

const fetchTimeoutMs = 30_000

/** A client's model goes back and forth between few pictures. */
const kept = { maxPictures: 8, maxBytes: 2 ** 31, maxPixels: 178_956_970 }

/** Serves until its client closes standard input. The model is opened when a tool is first called. */
export async function runMcp(flags: McpFlags, version: string, signal: AbortSignal): Promise<void> {
  const ending = new AbortController()
  const model = lazily(flags, AbortSignal.any([signal, ending.signal]))
  const backend = makeBackend(flags.model ?? 'demo', model)
  const complain = (error: Error): void => void process.stderr.write(`vicrop: ${oneLine(error.message)}\n`)
  const input = Readable.from(wholeLines(process.stdin), { objectMode: false })
  const transport = new StdioServerTransport(input, process.stdout, { maxBufferSize: maxMessageBytes })
  const serving = serveStdio(() => mcpServer(backend, version), { transport, onerror: complain })
  try {
    await unlessAborted(closeOf(transport), signal)
  } finally {
    ending.abort()
    // That what it reads from is gone is no news to it then.
    input.on('error', () => {})
    process.stdin.destroy()
    await serving.close()
    await model.release()
  }
}

/**
 * The same bytes in pieces of whole lines, as the transport copies all it has of a line at every piece. A line that is too
 * long goes on as it is, for the transport to refuse.
 */
async function* wholeLines(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = []
  let bytes = 0
  for await (const piece of input) {
    begun.push(piece)
    bytes += piece.length
    const end = bytes > maxMessageBytes ? piece.length : piece.lastIndexOf('\n') + 1
    if (end === 0) continue
    const rest = piece.subarray(end)
    yield Buffer.concat(begun).subarray(0, bytes - rest.length)
    begun = [rest]
    bytes = rest.length
  }
}

/** When it is closed, by its client or because a message is too large. */
function closeOf(transport: StdioServerTransport): Promise<void> {
  const { onclose } = transport
  return new Promise(resolve => {
    transport.onclose = () => {
      onclose?.()
      resolve()
    }
  })
}

function makeBackend(name: string, model: LazyModel): McpBackend {
  const readWeb = imageReader({
    maxBytes: maxImageBytes,
    timeoutMs: fetchTimeoutMs,
    mayFetch: isPublicAddress,
  })
  // An operator uses all cores by itself.
  const inTurn = pLimit(1)
  return {
    model: name,
    imageForms: 'A picture: the path of a file, a data URL, or a URL of http or https.',
    maxNewTokens: 1000,
    explain: error => oneLine(error instanceof Error ? error.message : String(error)),
    async use({ image, options, signal, say }, work) {
      const file = await readImage(image, readWeb, signal)
      const { pictures, defaults } = await model.opened(say, signal)
      const how = { ...withDefaults(options, defaults), signal }
      const job = inTurn(() => {
        signal.throwIfAborted()
        return pictures.use(file, how.method, picture => work(picture, how))
      })
      return unlessAborted(job, signal)
    },
  }
}

/** Whoever runs this program may read files with it. */
function readImage(image: string, readWeb: ReadImage, signal: AbortSignal): Promise<Uint8Array> {
  if (/^(data|https?):/i.test(image)) return readWeb(image, signal)
  return readPicture(/^file:/i.test(image) ? fileURLToPath(image) : image)
}

interface Opened {
  readonly vicrop: ViCrop
  readonly pictures: Pictures
  readonly defaults: LookDefaults
}

interface LazyModel {
  /** Opens the model if it is not open yet; the signal ends the waiting alone. */
  opened(say: (message: string) => void, signal: AbortSignal): Promise<Opened>
  release(): Promise<void>
}

function lazily(flags: McpFlags, signal: AbortSignal): LazyModel {
  const waiting = new Set<(message: string) => void>()
  let opening: Promise<Opened> | null = null
  const onProgress = ({ stage, doneBytes, totalBytes }: OpenProgress): void => {
    const message = `${stage} the model: ${Math.floor((100 * doneBytes) / totalBytes)} %`
    for (const say of waiting) say(message)
  }
  async function open(): Promise<Opened> {
    const vicrop = await ViCrop.open(flags.model, { ...openOptions(flags), signal, onProgress })
    const { method, variant, highRes } = flags
    const defaults = {
      method,
      highRes,
      ...(variant && { variant }),
      ...(await namedLayers(flags, vicrop.layerCount)),
    }
    return { vicrop, pictures: new Pictures(vicrop, kept), defaults }
  }
  return {
    async opened(say, signal) {
      opening ??= open().catch(error => {
        // What was missing may be there at the next call.
        opening = null
        throw error
      })
      waiting.add(say)
      return unlessAborted(opening, signal).finally(() => waiting.delete(say))
    },
    async release() {
      const opened = await opening?.catch(() => null)
      await opened?.vicrop.release()
    },
  }
}
