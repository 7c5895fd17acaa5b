import type { Fit } from './image/preprocess.ts'
import { type Mllm, type MllmParts, makeMllm, type PromptStyle } from './mllm.ts'
import { quoted } from './models/config.ts'
import type { Model } from './models/model.ts'
import { modelMaker } from './models/registry.ts'
import type { TensorStore } from './nn/weights.ts'
import type { Engine } from './onnx/session.ts'
import { type Matrices, noting, storeOf } from './precision.ts'
import { makeTokenizer, type Tokenizer } from './text/tokenizer.ts'
import type { Checkpoint } from './weights/checkpoint.ts'

/** How a model is opened, wherever that is. */
export interface LoadOptions {
  /** The paper's prompt, or the checkpoint's own chat template. Default: plain. */
  readonly prompt?: PromptStyle
  /** How pictures that are not square are fitted to the model's input. Default: as the checkpoint says. */
  readonly fit?: Fit
  /**
   * The most pixels that a picture has for a model that takes pictures at their size; larger ones are made smaller. Default:
   * as the checkpoint says.
   */
  readonly maxPixels?: number
  /** Called while a model is downloaded, and while weights are converted. */
  readonly onProgress?: (progress: OpenProgress) => void
  readonly signal?: AbortSignal
}

export interface OpenProgress {
  readonly stage: 'downloading' | 'converting'
  readonly doneBytes: number
  readonly totalBytes: number
}

/** A checkpoint, and how its weights are made ready once it is known which of them are matrices of linear layers. */
export interface Found<R extends Ready> {
  /** As results state it. */
  readonly name: string
  readonly checkpoint: Checkpoint
  prepare(matrices: Matrices): Promise<R>
}

export interface Ready {
  /** Tensors as the graphs take them. */
  readonly store: TensorStore
  /** Over these. */
  readonly engine: Engine
}

/**
 * Opens a checkpoint: all there is to check in its texts and headers is checked before its weights are made ready, which
 * may take minutes.
 *
 * @param find what differs from one place to another
 */
export async function loadFrom<R extends Ready>(
  options: LoadOptions,
  find: () => Promise<Found<R>>,
): Promise<{ mllm: Mllm; ready: R }> {
  options.signal?.throwIfAborted()
  const { name, checkpoint, prepare } = await find()
  const { build, texts, matrices } = await readModel(checkpoint, options)
  const ready = await prepare(matrices)
  options.signal?.throwIfAborted()
  const model = build(ready.store)
  const mllm = makeMllm({ ...texts, name, model, layers: model.defaultLayers, engine: ready.engine })
  return { mllm, ready }
}

/** What is handed on of the options to work that has a progress of its own. */
export const during = (
  stage: OpenProgress['stage'],
  { onProgress, signal }: LoadOptions,
): {
  readonly onProgress: (bytes: Omit<OpenProgress, 'stage'>) => void
  readonly signal?: AbortSignal
} => ({
  onProgress: bytes => onProgress?.({ stage, ...bytes }),
  ...(signal === undefined ? {} : { signal }),
})

/** @throws an error that names the option, what it may be, and what it is */
export function checkOneOf<T extends string>(option: string, value: T, known: readonly T[]): void {
  if (known.includes(value)) return
  throw new Error(`${option}: "${value}" is not available; available: ${known.join(', ')}`)
}

export function checkThreads(threads: number | null): void {
  if (threads === null || (Number.isInteger(threads) && threads > 0)) return
  throw new Error(
    `threads: expected a whole number from 1 on, found ${threads}. Leave it out to have one a core.`,
  )
}

interface ReadOptions {
  readonly fit?: Fit | null
  readonly maxPixels?: number | null
  readonly prompt?: PromptStyle
}

interface ReadModel {
  /** As its texts and headers have it, all of which has been checked. */
  readonly model: Model
  readonly matrices: Matrices
  readonly build: (tensors: TensorStore) => Model
  readonly texts: Pick<
    MllmParts,
    'tokenizer' | 'instructionTokenizer' | 'imageToken' | 'chatTemplate' | 'promptStyle' | 'endTokenIds'
  >
}

/** All that a checkpoint says of its model in its texts and headers, without reading weights. */
export async function readModel(
  checkpoint: Checkpoint,
  { fit = null, maxPixels = null, prompt = 'plain' }: ReadOptions = {},
): Promise<ReadModel> {
  const config = await checkpoint.readJson('config.json')
  const make = modelMaker(config)
  const processor = await readProcessor(checkpoint)
  const build = (tensors: TensorStore): Model => make({ config, processor, tensors, fit, maxPixels })
  const { model, matrices } = checkTensors(storeOf(checkpoint), build)
  if (maxPixels !== null && model.vision.pixels === undefined)
    throw new Error(
      `max pixels ${maxPixels}: this model gives every picture the same number. Leave them out.`,
    )
  const { tokenizer, tokenizerConfig } = await readTokenizer(checkpoint)
  const texts = {
    tokenizer,
    instructionTokenizer: await readInstructionTokenizer(checkpoint, model),
    imageToken: imageTokenOf(tokenizer, model),
    chatTemplate: prompt === 'chat' ? await readChatTemplate(checkpoint, tokenizerConfig) : null,
    promptStyle: prompt,
    endTokenIds: [...(await readEndTokens(checkpoint, config)), ...ownEndToken(tokenizer)],
  }
  return { model, matrices, build, texts }
}

/**
 * Builds the graphs for what that checks: every tensor is there, with the shape that the config gives it.
 *
 * @returns also which tensors are the matrices of linear layers
 */
function checkTensors(
  tensors: TensorStore,
  build: (tensors: TensorStore) => Model,
): { model: Model; matrices: Matrices } {
  const [vision, language, others] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const seeing = build(noting(tensors, vision, others))
  seeing.vision.encode()
  seeing.connector?.connect()
  const model = build(noting(tensors, language, others))
  model.language.embed()
  model.language.decode()
  const shared = new Set([...vision, ...language].filter(name => others.has(name)))
  return { model, matrices: { vision, language, shared } }
}

/** The tokenizer in a folder of the checkpoint, or in the checkpoint itself. */
async function readTokenizer(
  checkpoint: Checkpoint,
  folder?: string,
): Promise<{ tokenizer: Tokenizer; tokenizerConfig: Json }> {
  const [file, configFile] = ['tokenizer.json', 'tokenizer_config.json'].map(name =>
    folder === undefined ? name : `${folder}/${name}`,
  ) as [string, string]
  const tokenizerConfig = await readOptional(checkpoint, configFile)
  const json = (await checkpoint.readJson(file)) as object
  return { tokenizer: makeTokenizer(json, tokenizerConfig, file), tokenizerConfig }
}

async function readInstructionTokenizer(
  checkpoint: Checkpoint,
  { connector }: Model,
): Promise<Tokenizer | null> {
  if (connector === undefined) return null
  return (await readTokenizer(checkpoint, connector.tokenizer.folder)).tokenizer
}

/** The text of the image token in prompts. */
function imageTokenOf(tokenizer: Tokenizer, { imageTokenId: id, imagesFirst = false }: Model): string {
  if (imagesFirst || id === null) return ''
  const text = tokenizer.token(id)
  if (text !== undefined && tokenizer.encode(text, { bare: true }).includes(id)) return text
  const problem = `no text becomes token ${id}, which config.json names as the image token`
  throw new Error(`tokenizer.json: ${problem}. Do the two files belong together?`)
}

type Json = Readonly<Record<string, unknown>>

async function readOptional(checkpoint: Checkpoint, name: string): Promise<Json> {
  if (!(await checkpoint.has(name))) return {}
  const json = await checkpoint.readJson(name)
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json
  throw new Error(`${name}: is not a JSON object; download the file again.`)
}

/** Newer checkpoints have the image processor in `processor_config.json`, older ones in a file of its own. */
async function readProcessor(checkpoint: Checkpoint): Promise<unknown> {
  const [nested, own] = ['processor_config.json', 'preprocessor_config.json']
  const processor = await readOptional(checkpoint, nested)
  return 'image_processor' in processor ? processor : checkpoint.readJson(own)
}

/** A chat template has had three places: a file of its own as Jinja, as JSON, and the tokenizer's config. */
async function readChatTemplate(checkpoint: Checkpoint, tokenizerConfig: Json): Promise<string | null> {
  if (await checkpoint.has('chat_template.jinja')) return checkpoint.readText('chat_template.jinja')
  const { chat_template: own } = await readOptional(checkpoint, 'chat_template.json')
  const template = own ?? tokenizerConfig.chat_template
  return typeof template === 'string' ? template : null
}

/** `eos_token_id` of the generation config, else of the model's: one id or several. */
async function readEndTokens(checkpoint: Checkpoint, config: unknown): Promise<number[]> {
  const { eos_token_id: generation } = await readOptional(checkpoint, 'generation_config.json')
  const { eos_token_id: own, text_config: text } = config as { eos_token_id?: unknown; text_config?: Json }
  const ids = [generation ?? own ?? text?.eos_token_id ?? []].flat()
  if (ids.every(id => Number.isInteger(id))) return ids as number[]
  throw new Error(
    `generation_config.json: "eos_token_id": expected token ids, found ${quoted(ids)}. Download the file again.`,
  )
}

/**
 * The end token of the tokenizer, which ends an answer whatever the configs say: those of Vicuna 1.1, from which
 * InstructBLIP's were made, name other ids than its tokenizer has.
 */
function ownEndToken(tokenizer: Tokenizer): number[] {
  const text = tokenizer.special('eos_token')
  const ids = text === undefined ? [] : tokenizer.encode(text, { bare: true })
  return ids.length === 1 ? ids : []
}
