import { type ImageRow, imageRows, type Prompt, placeImages } from './decode/prompt.ts'
import { type DecoderSessions, decoderSessions } from './decode/sessions.ts'
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
  release(): Promise<void>
}

export function makeMllm(parts: MllmParts): Mllm {
  const decoder = decoderSessions(parts.engine, parts.model.language)
  let opened: Promise<Session> | null = null
  return {
    ...parts,
    decoder,
    vision() {
      opened ??= parts.engine.open(parts.model.vision.encode())
      return opened
    },
    async release() {
      const vision = await opened
      opened = null
      await Promise.all([vision?.release(), decoder.release()])
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
  mllm.tokenizer.encode(mllm.model.plainPrompt(question, images))

function chatIds({ chatTemplate, tokenizer, model }: Mllm, question: string, images: number): number[] {
  if (chatTemplate === null)
    throw new Error('this checkpoint has no chat template. Use the plain prompt instead.')
  const [bos, eos] = [tokenizer.special('bos_token'), tokenizer.special('eos_token')]
  const text = renderChat(chatTemplate, images, model.instruct(question), { bos_token: bos, eos_token: eos })
  // A template that writes the first token itself shall not get it twice.
  return tokenizer.encode(text, { bare: bos !== undefined && text.startsWith(bos) })
}
