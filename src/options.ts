import { type HighRes, highResModes } from './crop/tiles.ts'
import type { Box, Size } from './image/image.ts'
import { type InputGradientVariant, inputGradientVariants } from './importance/input-gradient.ts'
import { type Method, methodsThat, parseMethod, type Setting } from './importance/method.ts'
import { InputError } from './input-error.ts'
import type { Mllm } from './mllm.ts'
import type { Picture } from './picture.ts'

// What is asked of a picture, and its checks, before anything is computed.

/** Layers, counted from 0, or all of them. */
export type LayerList = readonly number[] | 'all'

export interface LookOptions {
  /** How to find where to look; `none` answers from the whole picture alone. Default: rel-att. */
  readonly method?: Method
  /** Layers whose maps are averaged. Default: the model's. */
  readonly layers?: LayerList
  /**
   * Layers of a connector that attends to the picture by itself (a Q-Former), counted from 0 among those that do. A map is
   * made with every pair of a layer and one of these, and all are averaged. Default: the connector's.
   */
  readonly connectorLayers?: LayerList
  /**
   * What a method with gradients explains: a token's id, or an answer, whose first token it is. Default: the likeliest
   * token.
   */
  readonly target?: number | string
  /** Of pure-grad: as the paper says it, or as its authors' code does it. Default: paper. */
  readonly variant?: InputGradientVariant
  /**
   * Whether the map is made of blocks of at most 1024 pixels a side, each seen by itself: `on`, `off`, or `auto` where the
   * picture is larger than that and the model is shown less of it than it has. Default: auto.
   */
  readonly highRes?: HighRes
  /** Where to crop, in source pixels, or `auto` to let the method find it. Default: auto. */
  readonly crop?: Box | 'auto'
  readonly signal?: AbortSignal
  /** Called when a stage starts, and where it has parts, whenever one of them is done. */
  readonly onProgress?: (stage: Stage, parts?: Parts) => void
}

export interface SeeOptions {
  /**
   * The method that it will be asked with. For pure-grad what the way back needs of the encoder is kept from the start
   * (57 MB for LLaVA-1.5) instead of being computed again when asked. Default: rel-att.
   */
  readonly method?: Method
  readonly signal?: AbortSignal
}

export type Stage = 'plain answer' | 'map' | 'crop answer'

export interface AskOptions extends LookOptions {
  /** Default: 20, as in the paper. */
  readonly maxNewTokens?: number
  /** Whether the plain answer is given beside the one with the crop, which costs its tokens. Default: true. */
  readonly plain?: boolean
  /**
   * Further pictures of the question, which stand behind this one in the prompt. Each is looked at by itself, with the same
   * method, and its crop stands right behind it; `crop` is of this one alone.
   */
  readonly others?: readonly Picture[]
  /**
   * Called with each piece of text as it is generated; the pieces of each answer make up that answer. Where there is no
   * crop, `answer` is the plain answer and has no pieces, unless `plain` is false.
   */
  readonly onText?: (piece: { readonly of: 'plainAnswer' | 'answer'; readonly text: string }) => void
}

/** How far a stage is. */
export interface Parts {
  readonly done: number
  readonly total: number
}

/** Longer than any model's context, short enough to be tokenized at once. In characters. */
const maxQuestionLength = 1 << 17

/** The options with their defaults. */
export interface Checked {
  readonly method: Method
  /** None where the method reads none. */
  readonly layers: readonly number[]
  /** None where the method reads none, or where the model's connector has none. */
  readonly connectorLayers: readonly number[]
  /** The id of the token asked for; null: the likeliest. */
  readonly target: number | null
  /** null where the method has no variants. */
  readonly variant: InputGradientVariant | null
  readonly highRes: HighRes
  readonly crop: Box | 'auto'
}

/** @throws an error that names the option, what it may be, and what it is */
export function checkOptions(options: LookOptions, mllm: Mllm, image: Size): Checked {
  const method = parseMethod(options.method ?? 'rel-att')
  const { layers, connectorLayers, target, variant, highRes = 'auto', crop = 'auto' } = options
  if (layers !== undefined) requireSetting('readsLayers', method, 'reads no layers', 'layers')
  if (connectorLayers !== undefined) requireConnectorLayers(method, mllm)
  if (target !== undefined) requireSetting('hasTarget', method, 'has no target', 'target')
  if (variant !== undefined) requireSetting('hasVariants', method, 'has no variants', 'variant')
  if (crop !== 'auto') checkCrop(crop, image)
  const has = (setting: Setting): boolean => methodsThat(setting).includes(method)
  return {
    method,
    layers: has('readsLayers') ? checkLayers(layers ?? mllm.layers, mllm.model.language.layers) : [],
    connectorLayers: has('readsLayers') ? checkConnectorLayers(connectorLayers, mllm) : [],
    target: target === undefined ? null : checkTarget(target, mllm),
    variant: has('hasVariants') ? oneOf('variant', variant ?? 'paper', inputGradientVariants) : null,
    highRes: oneOf('highRes', highRes, highResModes),
    crop,
  }
}

function requireSetting(setting: Setting, method: Method, problem: string, option: string): void {
  const able = methodsThat(setting)
  if (able.includes(method)) return
  throw new InputError(`method ${method} ${problem}; with: ${able.join(', ')}. Leave the ${option} out.`)
}

function oneOf<T extends string>(option: string, value: T, known: readonly T[]): T {
  if (known.includes(value)) return value
  throw new InputError(`${option}: "${value}" is not available; available: ${known.join(', ')}`)
}

/** @throws for a question that is empty or longer than any model takes */
export function checkQuestion(question: string): void {
  if (question.trim() === '') throw new InputError('the question is empty. Ask something about the picture.')
  if (question.length > maxQuestionLength) {
    throw new InputError(
      `the question has ${question.length} characters, at most ${maxQuestionLength} are taken. Ask a shorter one.`,
    )
  }
}

export function checkCount(maxNewTokens: number): void {
  if (Number.isInteger(maxNewTokens) && maxNewTokens > 0) return
  throw new InputError(`maxNewTokens: expected a whole number from 1 on, found ${maxNewTokens}.`)
}

function checkLayers(layers: LayerList, count: number, of = 'model'): readonly number[] {
  if (layers === 'all') return Array.from({ length: count }, (_, i) => i)
  const wrong = layers.find(layer => !Number.isInteger(layer) || layer < 0 || layer >= count)
  if (wrong !== undefined)
    throw new InputError(`layer ${wrong}: the ${of} has layers 0 to ${count - 1}. Name some of these.`)
  if (layers.length === 0) throw new InputError(`no layers given: name at least one of 0 to ${count - 1}`)
  return layers
}

function requireConnectorLayers(method: Method, { model }: Mllm): void {
  requireSetting('readsLayers', method, 'reads no layers', 'connectorLayers')
  if (model.connector === undefined)
    throw new InputError(
      'connectorLayers: this model has no connector that attends to the picture. Leave them out.',
    )
}

function checkConnectorLayers(layers: LayerList | undefined, { model }: Mllm): readonly number[] {
  const { connector } = model
  if (connector === undefined) return []
  return checkLayers(layers ?? connector.defaultLayers, connector.layers, 'connector')
}

function checkTarget(target: number | string, { tokenizer, model }: Mllm): number {
  const id = typeof target === 'number' ? target : tokenizer.encode(target, { bare: true })[0]
  const { vocabularySize } = model.language
  if (id !== undefined && Number.isInteger(id) && id >= 0 && id < vocabularySize) return id
  throw new InputError(
    `target ${JSON.stringify(target)} is no token of the model. Give a word, or an id from 0 to ${vocabularySize - 1}.`,
  )
}

function checkCrop(crop: Box, image: Size): void {
  const { x, y, width, height } = crop
  const whole = [x, y, width, height].every(Number.isInteger)
  const inside = x >= 0 && y >= 0 && x + width <= image.width && y + height <= image.height
  if (whole && inside && width > 0 && height > 0) return
  const size = `the ${image.width}x${image.height} picture`
  throw new InputError(
    `crop ${x},${y},${width},${height} is not a box of whole pixels inside ${size}. Give x,y,width,height.`,
  )
}
