import {
  type CallToolResult,
  createMcpHandler,
  type McpHttpHandler,
  McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { ImportanceMap } from '../crop/select.ts'
import { encodePng } from '../image/decode-node.ts'
import { cellToBox } from '../image/geometry.ts'
import type { Box, Image } from '../image/image.ts'
import { showCrop, showMap } from '../image/show.ts'
import { attentionRatio } from '../importance/attention-ratio.ts'
import { lookSchema } from '../look-schema.ts'
import { checkQuestion, type LookOptions, type Parts } from '../options.ts'
import type { Answer, Look, Picture } from '../picture.ts'

// The Model Context Protocol: tools for programs that talk with another model.

/** What the tools work with. It outlives the servers, which are made for each connection or request. */
export interface McpBackend {
  /** The name of the model, for clients. */
  readonly model: string
  /** What may be given as a picture, for the model that gives it. */
  readonly imageForms: string
  /** The most tokens of an answer. */
  readonly maxNewTokens: number
  /** Reads a picture, and works with it once the model has seen it; the options are those asked for over the usual ones. */
  use(asked: Asked, work: (picture: Picture, options: LookOptions) => Promise<Worked>): Promise<Worked>
  /** What a client is told of an error. */
  explain(error: unknown): string
}

export interface Asked {
  readonly image: string
  readonly options: LookOptions
  readonly signal: AbortSignal
  /** Tells what is being done. */
  readonly say: (message: string) => void
}

/** What a tool has done: how it looked, and what the client gets. */
export interface Worked {
  readonly look: Look | Answer<string | null>
  readonly result: CallToolResult
}

/** A server with the tools `look` and `ask`. */
export function mcpServer(backend: McpBackend, version: string): McpServer {
  const server = new McpServer({ name: 'vicrop', version })
  const image = z.string().min(1).describe(backend.imageForms)
  const maxNewTokens = z
    .int()
    .min(1)
    .max(backend.maxNewTokens)
    .describe('The longest answer, in tokens. Default: 20.')
    .exactOptional()
  const question = z.string().describe('One short question whose answer is to be seen in the picture.')
  server.registerTool(
    'look',
    {
      title: 'Look closer',
      description:
        'Finds the part of a picture that a question is about, by the attention of a small local vision model. Gives that part as an enlarged picture, and its box in pixels. Use it for details too small to be seen in the whole.',
      inputSchema: lookSchema.extend({ image, question, overlay }),
      outputSchema: z.object(looked),
      annotations,
    },
    (input, context) => lookWith(backend, input, context),
  )
  server.registerTool(
    'ask',
    {
      title: 'Ask about a picture',
      description:
        'Answers a question about a picture in a few words, with a small local vision model that is shown the whole and the part that it attends to.',
      inputSchema: lookSchema.extend({ image, question, plain, maxNewTokens }),
      outputSchema: z.object({ ...looked, ...answered }),
      annotations,
    },
    (input, context) => askWith(backend, input, context),
  )
  return server
}

/** They change nothing, but may fetch a picture from elsewhere. */
const annotations = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true }

const overlay = z
  .boolean()
  .default(false)
  .describe('Whether the whole picture is given too, with the attention drawn over it.')
const plain = z
  .boolean()
  .default(false)
  .describe('Whether the answer from the whole picture alone is given too.')
const number = z.number()
const box = z.object({ x: number, y: number, width: number, height: number })

/** The structured result of `look`. */
const looked = {
  model: z.string(),
  method: z.string(),
  image: z.object({ width: number, height: number }),
  crop: box.nullable().describe('In pixels of the picture; null where there is nothing to crop to.'),
  cropReason: z.string().nullable().describe('Why there is no crop.'),
  layers: z.array(number),
  map: z
    .object({
      rows: number,
      columns: number,
      peak: box.describe('The cell with the most attention, in pixels of the picture.'),
      attentionRatio: number
        .nullable()
        .describe('How many times as much attention is on the crop as on a part of its size by chance.'),
    })
    .nullable(),
}

/** What that of `ask` has beside. */
const answered = {
  answer: z.string(),
  plainAnswer: z.string().nullable(),
  finishReason: z.enum(['stop', 'length']),
}

interface Input extends LookOptions {
  readonly image: string
  readonly question: string
}

function lookWith(
  backend: McpBackend,
  { overlay, ...input }: Input & { readonly overlay: boolean },
  context: ServerContext,
): Promise<CallToolResult> {
  return withPicture(backend, input, context, async (picture, question, options) => {
    const look = await picture.look(question, options)
    const { crop, importance } = look
    const images = [
      ...(crop === null ? [] : [showCrop(picture.image, crop)]),
      ...(overlay && importance !== null ? [showMap(picture.image, importance, crop)] : []),
    ]
    return { look, result: await resultOf({ model: backend.model, ...factsOf(look) }, images) }
  })
}

function askWith(
  backend: McpBackend,
  { plain, maxNewTokens, ...input }: Input & { readonly plain: boolean; readonly maxNewTokens?: number },
  context: ServerContext,
): Promise<CallToolResult> {
  return withPicture(backend, input, context, async (picture, question, options) => {
    const limit = maxNewTokens === undefined ? {} : { maxNewTokens }
    const look = await picture.ask(question, { ...options, ...limit, plain })
    const { answer, plainAnswer, finishReason } = look
    const facts = { answer, plainAnswer, finishReason, model: backend.model, ...factsOf(look) }
    return { look, result: await resultOf(facts, []) }
  })
}

/** Whatever goes wrong is said in the result, so that the model that called the tool can do something about it. */
async function withPicture(
  backend: McpBackend,
  { image, question, ...options }: Input,
  context: ServerContext,
  work: (picture: Picture, question: string, options: LookOptions) => Promise<Worked>,
): Promise<CallToolResult> {
  const { signal } = context.mcpReq
  const say = progressOf(context)
  const onProgress = (stage: string, parts?: Parts): void =>
    say(parts === undefined ? stage : `${stage}: ${parts.done} of ${parts.total}`)
  try {
    checkQuestion(question)
    say('reading the picture')
    const { result } = await backend.use({ image, options, signal, say }, (picture, how) =>
      work(picture, question, { ...how, onProgress }),
    )
    return result
  } catch (error) {
    signal.throwIfAborted()
    return { content: [{ type: 'text', text: backend.explain(error) }], isError: true }
  }
}

/** Notifies a client that asked for it of each new message. */
function progressOf({ mcpReq }: ServerContext): (message: string) => void {
  const progressToken = mcpReq._meta?.progressToken
  let [progress, last] = [0, '']
  return message => {
    if (progressToken === undefined || message === last) return
    last = message
    const params = { progressToken, progress: ++progress, message }
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {})
  }
}

const factsOf = ({ method, image, crop, cropReason, layers, importance }: Omit<Look, 'timings'>) => ({
  method,
  image,
  crop,
  cropReason,
  layers,
  map: importance && summaryOf(importance, crop),
})

function summaryOf(map: ImportanceMap, crop: Box | null) {
  const { rows, columns, values, geometry } = map
  const highest = values.indexOf(values.reduce((a, b) => Math.max(a, b)))
  const peak = cellToBox(geometry, { row: Math.floor(highest / columns), column: highest % columns })
  const ratio = crop === null ? Number.NaN : attentionRatio(map, crop)
  return {
    rows,
    columns,
    peak: roundedBox(peak),
    attentionRatio: Number.isFinite(ratio) ? Number(ratio.toPrecision(3)) : null,
  }
}

const roundedBox = ({ x, y, width, height }: Box): Box => ({
  x: Math.round(x),
  y: Math.round(y),
  width: Math.round(width),
  height: Math.round(height),
})

/** The structured content as a text too, for clients that read no other. */
async function resultOf(facts: Record<string, unknown>, images: readonly Image[]): Promise<CallToolResult> {
  const pictures = images.map(async image => ({
    type: 'image' as const,
    data: Buffer.from(await encodePng(image)).toString('base64'),
    mimeType: 'image/png',
  }))
  return {
    content: [{ type: 'text', text: JSON.stringify(facts) }, ...(await Promise.all(pictures))],
    structuredContent: facts,
  }
}

export interface McpHandlerOptions {
  readonly version: string
  /** Bytes of a request: pictures come in it as data URLs, a third larger than their files. */
  readonly maxRequestBytes: number
  readonly onError: (error: Error) => void
}

/**
 * The same over streamable HTTP, without sessions: `fetch` answers a request. Keys, and the headers Host and Origin, are to
 * be checked before.
 */
export const mcpHandler = (
  backend: McpBackend,
  { version, maxRequestBytes, onError }: McpHandlerOptions,
): McpHttpHandler =>
  createMcpHandler(() => mcpServer(backend, version), {
    maxRequestBodySize: maxRequestBytes,
    onerror: onError,
  })
