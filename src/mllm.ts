import { type ConnectorSessions, connectorSessions } from './connect.ts'
import { expandImages, placeImages } from './decode/prompt.ts'
import { type DecoderSessions, decoderSessions } from './decode/sessions.ts'
import { type EncodedImage, type VisionSessions, visionSessions } from './encode.ts'
import type { Model, Prompt } from './models/model.ts'
import type { Engine } from './onnx/session.ts'
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
  /** Of what a connector that depends on the question is told; null where the model has none. */
  readonly instructionTokenizer: Tokenizer | null
  /** What stands for a picture in the text of a prompt; nothing where pictures come before all text. */
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
  /** null where the features of a picture are its rows in the prompt. */
  readonly connector: ConnectorSessions | null
  /** Closes the sessions once they have done what they are at. What is asked later is refused. */
  release(): Promise<void>
}

export function makeMllm(parts: MllmParts): Mllm {
  const { engine, close } = closable(parts.engine)
  const decoder = decoderSessions(engine, parts.model.language)
  const vision = visionSessions(engine, parts.model.vision)
  const connector = connectorOf(parts, engine)
  return {
    ...parts,
    engine,
    decoder,
    vision,
    connector,
    async release() {
      await close()
      await Promise.all([vision.release(), connector?.release(), decoder.release()])
    },
  }
}

function connectorOf({ model, instructionTokenizer }: MllmParts, engine: Engine): ConnectorSessions | null {
  if (model.connector === undefined || instructionTokenizer === null) return null
  return connectorSessions(engine, model.connector, instructionTokenizer)
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
    return { ...session, run: (...rest) => whileOpen(() => session.run(...rest)) }
  }
  return {
    engine: { ...engine, open: (graph, options) => whileOpen(() => open(graph, options)) },
    async close() {
      closed = true
      await Promise.allSettled(running)
    },
  }
}

/** The model's prompt for a question about pictures. It ends exactly where the answer starts. */
export function promptFor(mllm: Mllm, question: string, images: readonly EncodedImage[]): Prompt {
  const { tokenizer, imageToken, model, promptStyle } = mllm
  const { imageTokenId, imagesFirst = false } = model
  const placeholder = imageTokenId ?? noToken
  const inText = imagesFirst ? 0 : images.length
  const bos = tokenizer.special('bos_token') ?? ''
  const text =
    promptStyle === 'chat'
      ? chatPrompt(mllm, question, inText, bos)
      : model.plainPrompt(question, inText, imageToken, bos)
  const texts = images.map(image => image.texts)
  const expanded = imagesFirst ? text : expandImages(text, imageToken, texts)
  // A prompt that has the first token already shall not get it twice.
  const bare = bos !== '' && text.startsWith(bos)
  const ids = tokenizer.encode(expanded, { bare })
  const runs = images.flatMap(image => image.runs)
  return placeImages(imagesFirst ? [...runs.map(() => placeholder), ...ids] : ids, placeholder, runs)
}

/** The place of a run of rows among the ids of a prompt where the vocabulary has no token for pictures. */
const noToken = -1

function chatPrompt(
  { chatTemplate, tokenizer, model }: Mllm,
  question: string,
  images: number,
  bos: string,
): string {
  if (chatTemplate === null)
    throw new Error('this checkpoint has no chat template. Use the plain prompt instead.')
  const specials = { bos_token: bos, eos_token: tokenizer.special('eos_token') }
  return renderChat(chatTemplate, images, model.instruct(question), specials)
}
