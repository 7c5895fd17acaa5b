import { type ImageRow, imageRows, type Prompt, placeImages } from './decode/prompt.ts'
import { type DecoderSessions, decoderSessions } from './decode/sessions.ts'
import type { Graph } from './graph/graph.ts'
import type { Geometry } from './image/geometry.ts'
import type { Image } from './image/image.ts'
import type { Model } from './models/model.ts'
import { type Engine, float32Value, floats, type Session } from './onnx/session.ts'
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
  vision(): Promise<Session>
  /** Closes the sessions once they have done what they are at. What is asked later is refused. */
  release(): Promise<void>
}

export function makeMllm(parts: MllmParts): Mllm {
  const { engine, close } = closable(parts.engine)
  const decoder = decoderSessions(engine, parts.model.language)
  let opened: Promise<Session> | null = null
  return {
    ...parts,
    engine,
    decoder,
    vision() {
      opened ??= engine.open(parts.model.vision.encode())
      return opened
    },
    async release() {
      await close()
      const vision = await opened?.catch(() => null)
      opened = null
      await Promise.all([vision?.release(), decoder.release()])
    },
  }
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
  const open = async (graph: Graph): Promise<Session> => {
    const session = await engine.open(graph)
    return { ...session, run: (feeds, into) => whileOpen(() => session.run(feeds, into)) }
  }
  return {
    engine: { ...engine, open: graph => whileOpen(() => open(graph)) },
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
  const { pixelValues, shape, geometry } = mllm.model.vision.preprocess(image)
  const session = await mllm.vision()
  signal?.throwIfAborted()
  const outputs = await session.run({ pixel_values: float32Value(pixelValues, shape) })
  const { imageTokens } = mllm.model.vision
  const width = mllm.model.language.hiddenSize
  const features = { rows: imageTokens, width, data: floats(outputs, 'image_features') }
  return { rows: imageRows(features), geometry }
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
