import { type Backward, backwardPass } from './backward.ts'
import { type ImageRow, imageRows, type Prompt, placeImages } from './decode/prompt.ts'
import { type DecoderSessions, decoderSessions } from './decode/sessions.ts'
import { forwardTo } from './grad/chain.ts'
import { evaluateDimension, sizeOf } from './graph/dimension.ts'
import { type Graph, nodesOf } from './graph/graph.ts'
import { nodeKinds } from './graph/tensor.ts'
import type { Geometry } from './image/geometry.ts'
import type { Image } from './image/image.ts'
import type { Model, PreparedImage, VisionModel } from './models/model.ts'
import { type Engine, float32Value, floats, type Session, type Value, type Values } from './onnx/session.ts'
import { sessionCache } from './onnx/session-cache.ts'
import { renderChat } from './text/chat-template.ts'
import type { Tokenizer } from './text/tokenizer.ts'

/** `plain` is the paper's prompt for the model, `chat` the checkpoint's own chat template. */
export type PromptStyle = 'plain' | 'chat'

/** What a multimodal LLM consists of, besides its sessions. */
export interface MllmParts {
  /** As the user named it. */
  readonly name: string
  readonly model: Model
  readonly tokenizer: Tokenizer
  /** What stands for a picture in the text of a prompt. */
  readonly imageToken: string
  readonly chatTemplate: string | null
  readonly promptStyle: PromptStyle
  readonly endTokenIds: readonly number[]
  /** Layers, counted from 0, whose attention makes the map unless the caller asks for others. */
  readonly layers: readonly number[]
  readonly engine: Engine
}

/** A multimodal LLM ready to run. */
export interface Mllm extends MllmParts {
  readonly decoder: DecoderSessions
  readonly vision: VisionSessions
  /** Closes the sessions once they have done what they are at. What is asked later is refused. */
  release(): Promise<void>
}

export function makeMllm(parts: MllmParts): Mllm {
  const { engine, close } = closable(parts.engine)
  const decoder = decoderSessions(engine, parts.model.language)
  const vision = visionSessions(engine, parts.model.vision)
  return {
    ...parts,
    engine,
    decoder,
    vision,
    async release() {
      await close()
      await Promise.all([vision.release(), decoder.release()])
    },
  }
}

/** The sessions of one vision encoder and its connector, opened when first needed. */
export interface VisionSessions {
  /** `pixel_values` [B,3,H,W] -> `image_features` [B,T,C]. */
  encode(): Promise<Session>
  /** The same, with what `backward` needs of the way as outputs too. */
  encodeWithHidden(): Promise<Session>
  /** From `image_features` down to `pixel_values`. */
  backward(): Backward
  /** How many pictures go through the encoder in one run. */
  readonly picturesAtOnce: number
  release(): Promise<void>
}

function visionSessions(engine: Engine, { encode }: VisionModel): VisionSessions {
  const cache = sessionCache(engine)
  const chain = encode()
  const forward = forwardTo(chain, ['image_features'])
  const [, ...computed] = Object.keys(chain.cuts)
  let backward: Backward | null = null
  return {
    encode: () => cache.open('encode', () => forward),
    encodeWithHidden: () => cache.open('encode with hidden', () => forwardTo(chain, computed)),
    backward() {
      backward ??= backwardPass('backward', chain, cache)
      return backward
    },
    picturesAtOnce: Math.max(1, Math.floor(batchBytes / largestResult(forward))),
    release: cache.release,
  }
}

/** What the largest result of an encoder's run may take. There are about three of its size at a time. */
const batchBytes = 128 * 2 ** 20

/** Bytes of the largest result that one picture has in a graph of float32. */
function largestResult(graph: Graph): number {
  const sizes = nodesOf(graph).flatMap(({ kind, results }) => (nodeKinds[kind] === 'leaf' ? [] : results))
  return Math.max(...sizes.map(({ shape }) => 4 * evaluateDimension(sizeOf(shape), { B: 1 })))
}

/** An engine whose sessions are let finish, and refuse to begin anything, once it is closed. */
function closable(engine: Engine): { engine: Engine; close(): Promise<void> } {
  const running = new Set<Promise<unknown>>()
  let closed = false
  function whileOpen<T>(work: () => Promise<T>): Promise<T> {
    if (closed) return Promise.reject(new Error('the model was released. Open it again to ask more.'))
    const run = work().finally(() => running.delete(run))
    running.add(run)
    return run
  }
  const open: Engine['open'] = async (graph, options) => {
    const session = await engine.open(graph, options)
    return { ...session, run: (feeds, into) => whileOpen(() => session.run(feeds, into)) }
  }
  return {
    engine: { ...engine, open: (graph, options) => whileOpen(() => open(graph, options)) },
    async close() {
      closed = true
      await Promise.allSettled(running)
    },
  }
}

/** A picture as the decoder takes it, and where its cells lie. */
export interface EncodedImage {
  readonly rows: ImageRow[]
  readonly geometry: Geometry
}

/** One pass through the vision encoder and the connector. */
export async function encodeImage(mllm: Mllm, image: Image, signal?: AbortSignal): Promise<EncodedImage> {
  const prepared = mllm.model.vision.preprocess(image)
  const [rows] = await encodeAll(mllm, [prepared], signal)
  return { rows: rows as ImageRow[], geometry: prepared.geometry }
}

/** The rows of each picture, several pictures in one pass where their memory allows. */
export async function encodeAll(
  mllm: Mllm,
  images: readonly PreparedImage[],
  signal?: AbortSignal,
): Promise<ImageRow[][]> {
  const session = await mllm.vision.encode()
  const rows: ImageRow[][] = []
  const { picturesAtOnce } = mllm.vision
  for (let from = 0; from < images.length; from += picturesAtOnce) {
    signal?.throwIfAborted()
    const batch = images.slice(from, from + picturesAtOnce)
    const outputs = await session.run({ pixel_values: stackPixels(batch) })
    rows.push(...rowsOf(floats(outputs, 'image_features'), mllm.model))
  }
  return rows
}

/** One pass of one picture: the encoder's input, its states and the features, by the names of its cuts. */
export async function encodeWithHidden(
  mllm: Mllm,
  { pixelValues, shape }: PreparedImage,
  signal?: AbortSignal,
): Promise<Values> {
  const session = await mllm.vision.encodeWithHidden()
  signal?.throwIfAborted()
  const pixels = { pixel_values: float32Value(pixelValues, shape) }
  return { ...pixels, ...(await session.run(pixels)) }
}

function stackPixels(images: readonly PreparedImage[]): Value {
  const [first, ...others] = images as [PreparedImage, ...PreparedImage[]]
  if (others.length === 0) return float32Value(first.pixelValues, first.shape)
  const size = first.pixelValues.length
  const stacked = new Float32Array(images.length * size)
  for (const [i, { pixelValues }] of images.entries()) stacked.set(pixelValues, i * size)
  return float32Value(stacked, [images.length, ...first.shape.slice(1)])
}

/** Features [B,T,C] as the rows of each picture. */
export function rowsOf(features: Float32Array, { vision, language }: Model): ImageRow[][] {
  const [rows, width] = [vision.imageTokens, language.hiddenSize]
  return Array.from({ length: features.length / (rows * width) }, (_, i) =>
    imageRows({ rows, width, data: features.subarray(i * rows * width, (i + 1) * rows * width) }),
  )
}

/** The model's prompt for a question about pictures. It ends exactly where the answer starts. */
export function promptFor(mllm: Mllm, question: string, images: readonly EncodedImage[]): Prompt {
  const ids =
    mllm.promptStyle === 'chat'
      ? chatIds(mllm, question, images.length)
      : plainIds(mllm, question, images.length)
  return placeImages(
    ids,
    mllm.model.imageTokenId,
    images.map(image => image.rows),
  )
}

const plainIds = (mllm: Mllm, question: string, images: number): number[] =>
  mllm.tokenizer.encode(mllm.model.plainPrompt(question, images, mllm.imageToken))

function chatIds({ chatTemplate, tokenizer, model }: Mllm, question: string, images: number): number[] {
  if (chatTemplate === null)
    throw new Error('this checkpoint has no chat template. Use the plain prompt instead.')
  const [bos, eos] = [tokenizer.special('bos_token'), tokenizer.special('eos_token')]
  const text = renderChat(chatTemplate, images, model.instruct(question), { bos_token: bos, eos_token: eos })
  // A template that writes the first token itself shall not get it twice.
  return tokenizer.encode(text, { bare: bos !== undefined && text.startsWith(bos) })
}
