import pLimit from 'p-limit'
import { defaultMaxNewTokens, type Ending, type Generated, generate } from './answer.ts'
import { type CropChoice, type ImportanceMap, type NoCropReason, selectCrop } from './crop/select.ts'
import { type Blocks, blocksFor, type HighRes, joinMaps } from './crop/tiles.ts'
import { Context } from './decode/context.ts'
import { attention } from './decode/probe.ts'
import { type EncodedImage, encodeCrop } from './encode.ts'
import { type Grid, gridOfPicture, spread, tiling } from './image/geometry.ts'
import { type Box, cropImage, type Image } from './image/image.ts'
import { gradientAttention } from './importance/gradient-attention.ts'
import type { InputGradientVariant } from './importance/input-gradient.ts'
import { type Looker, type MapMethod, type Method, mapMethods, parseMethod } from './importance/method.ts'
import { relativeAttention } from './importance/relative-attention.ts'
import { InputError } from './input-error.ts'
import { type Mllm, promptFor } from './mllm.ts'
import {
  type AskOptions,
  type Checked,
  checkCount,
  checkOptions,
  checkQuestion,
  type LayerList,
  type LookOptions,
  type Parts,
  type SeeOptions,
} from './options.ts'
import { startTimer, type Timer, type Timings } from './timer.ts'
import { View } from './view.ts'

/** Which layers' attention is asked for. */
export interface AttentionOptions {
  /** Default: the model's. */
  readonly layers?: LayerList
  /** The same of a connector that attends to the picture by itself; default: the connector's. */
  readonly connectorLayers?: LayerList
  readonly signal?: AbortSignal
}

/** Why there is no crop. */
export type CropReason = NoCropReason | 'method none'

export interface Look {
  readonly model: string
  readonly question: string
  readonly method: Method
  readonly image: { readonly width: number; readonly height: number }
  /** In source pixels, or null with `cropReason`. */
  readonly crop: Box | null
  readonly cropReason: CropReason | null
  /** null where no map was needed: method `none`, or a crop given. */
  readonly importance: ImportanceMap | null
  /** None where the method reads none. */
  readonly layers: readonly number[]
  /** None where the method reads none, or where the model's connector has none. */
  readonly connectorLayers: readonly number[]
  /** The id of the token asked for as target; null: the likeliest, if the method has one. */
  readonly target: number | null
  /** null where the method has no variants. */
  readonly variant: InputGradientVariant | null
  /** How many blocks the map was made of; null: the picture was seen as a whole. */
  readonly blocks: Grid | null
  readonly timings: Timings
}

export interface Answer<Plain extends string | null = string> extends Look, Ending {
  /** From the picture and the crop, those of `others` too; the plain answer where there is no crop. */
  readonly answer: string
  /** From the picture alone, or the pictures; null where it was left out, and there is a crop. */
  readonly plainAnswer: Plain
  /** The looks at the further pictures of the question, each with its own timings. */
  readonly others: readonly Look[]
}

/**
 * A picture that was encoded once and can be asked many questions. All prompts about it go on from one cached
 * prefix; questions asked at the same time wait for each other.
 */
export class Picture {
  readonly image: Image
  readonly #mllm: Mllm
  readonly #whole: View
  readonly #encodeMs: number
  readonly #context: Context
  readonly #inTurn = pLimit(1)
  /** The blocks of high resolution, once they were needed. */
  #blocks: readonly View[] | null = null

  private constructor(mllm: Mllm, image: Image, whole: View, encodeMs: number) {
    this.image = image
    this.#mllm = mllm
    this.#whole = whole
    this.#encodeMs = encodeMs
    this.#context = new Context(mllm.decoder)
  }

  static async see(mllm: Mllm, image: Image, options: SeeOptions = {}): Promise<Picture> {
    const { signal, method = 'rel-att' } = options
    signal?.throwIfAborted()
    const see = backTo(parseMethod(method)) === 'pixels' ? View.seeForGradients : View.see
    const start = performance.now()
    const whole = await see(mllm, image, signal)
    return new Picture(mllm, image, whole, performance.now() - start)
  }

  /** The map and the crop for a question, without an answer. */
  look(question: string, options: LookOptions = {}): Promise<Look> {
    return this.#inTurn(async () => {
      const checked = this.#check(question, options)
      const timer = startTimer({ encodeMs: this.#encodeMs })
      const seen = await this.#look(question, checked, options, timer)
      return { ...seen, timings: timer.finish() }
    })
  }

  /** The plain answer, where to look, and the answer from picture and crop. */
  ask(question: string, options?: AskOptions & { readonly plain?: true }): Promise<Answer>
  ask(question: string, options: AskOptions): Promise<Answer<string | null>>
  async ask(question: string, options: AskOptions = {}): Promise<Answer<string | null>> {
    const { others: pictures = [], plain: wantsPlain = true } = options
    if (pictures.some(picture => picture.#mllm !== this.#mllm))
      throw new InputError('others: a picture was seen by another model. See all with one.')
    // Before this one's turn: two pictures may be asked about with each other at the same time.
    const others: Look[] = []
    for (const picture of pictures) others.push(await picture.look(question, { ...options, crop: 'auto' }))
    return this.#inTurn(async () => {
      const checked = this.#check(question, options)
      if (options.maxNewTokens !== undefined) checkCount(options.maxNewTokens)
      const timer = startTimer({ encodeMs: this.#encodeMs })
      const asked = { question, pictures: [this, ...pictures], options, timer }
      const plain = wantsPlain ? await this.#answerPlainly('plainAnswer', asked) : null
      const seen = await this.#look(question, checked, options, timer)
      const crops = [seen, ...others].map(({ crop }) => crop)
      const { text: answer, ...ending } = crops.every(crop => crop === null)
        ? (plain ?? (await this.#answerPlainly('answer', asked)))
        : await this.#answerFromCrops(crops, asked)
      const plainAnswer = plain?.text ?? (crops.every(crop => crop === null) ? answer : null)
      return { ...seen, answer, plainAnswer, others, ...ending, timings: timer.finish() }
    })
  }

  /**
   * The answer-to-image attention A_st of each layer asked for, heads averaged: how much the position where the answer
   * starts attends to each cell. Behind a connector that attends to the cells by itself: A_si = A_st A_ti.
   *
   * @returns a map a layer; with the rest of the prompt, and with what a connector sees beside cells, its values add up
   *   to 1. Behind such a connector, layer by layer, a map for each of `connectorLayers`
   */
  attention(question: string, options: AttentionOptions = {}): Promise<ImportanceMap[]> {
    return this.#layerMaps('rel-att', question, options, (looker, layers) => looker.read(attention, layers))
  }

  /**
   * The relative attention A_rel of each layer asked for: its attention under the question over that under the general
   * description prompt. rel-att's map is their mean.
   *
   * @returns maps as `attention` gives them; about 1 where the question changes nothing
   */
  relativeAttention(question: string, options: AttentionOptions = {}): Promise<ImportanceMap[]> {
    return this.#layerMaps('rel-att', question, options, async (looker, layers) => {
      const rows = await looker.read(attention, layers)
      const general = await looker.generalAttention(layers)
      return rows.map((row, i) => relativeAttention([row], [general[i] as Float32Array]))
    })
  }

  /**
   * The gradient-weighted attention of each layer asked for: its attention times how much it speaks for the likeliest token,
   * where it does. grad-att's map is their mean.
   *
   * @returns maps as `attention` gives them, their values at least 0
   */
  gradientAttention(question: string, options: AttentionOptions = {}): Promise<ImportanceMap[]> {
    return this.#layerMaps('grad-att', question, options, (looker, layers) =>
      looker.read(gradientAttention, layers),
    )
  }

  #layerMaps(
    method: 'rel-att' | 'grad-att',
    question: string,
    { layers, connectorLayers, signal }: AttentionOptions,
    read: (looker: Looker, layers: readonly number[]) => Promise<Float32Array[]>,
  ): Promise<ImportanceMap[]> {
    return this.#inTurn(async () => {
      // All layers of none are none, and nothing to refuse.
      const isNone = connectorLayers === 'all' && this.#mllm.model.connector === undefined
      const checked = this.#check(question, {
        method,
        highRes: 'off',
        ...(layers && { layers }),
        ...(connectorLayers && !isNone && { connectorLayers }),
        ...(signal && { signal }),
      })
      const asked = { question, target: null, connectorLayers: checked.connectorLayers, signal }
      const looker = this.#whole.looker(this.#context, asked)
      const { geometry } = this.#whole
      const maps = await read(looker, checked.layers)
      return maps.map(values => ({ ...geometry.grid, values, geometry }))
    })
  }

  /** Bytes held: the pixels, what the model made of them, and the cached prefix. They grow with what is asked. */
  get bytes(): number {
    const views = [this.#whole, ...(this.#blocks ?? [])]
    return this.image.data.byteLength + this.#context.bytes + views.reduce((sum, view) => sum + view.bytes, 0)
  }

  /**
   * Gives the memory of the cache and of the blocks back once the questions asked so far are answered. The picture can
   * still be asked; what it needs is then computed anew.
   */
  release(): void {
    void this.#inTurn(() => {
      this.#context.clear()
      this.#whole.forget()
      this.#blocks = null
    })
  }

  [Symbol.dispose](): void {
    this.release()
  }

  /** Checks what is asked and how, and gets ready for it. */
  #check(question: string, options: LookOptions): Checked {
    options.signal?.throwIfAborted()
    checkQuestion(question)
    const checked = checkOptions(options, this.#mllm, this.image)
    const blocks = this.#blocksFor(checked.highRes)
    // So that the plain answer's prefill is the forward pass of the map's gradient.
    if (this.#goesBack(checked.method) && checked.crop === 'auto' && blocks === null)
      this.#context.keepLayerInputs()
    return checked
  }

  #goesBack(method: Method): boolean {
    const to = backTo(method)
    return to === 'pixels' || (to === 'connector' && this.#mllm.connector !== null)
  }

  async #look(
    question: string,
    checked: Checked,
    options: LookOptions,
    timer: Timer,
  ): Promise<Omit<Look, 'timings'>> {
    const { method, layers, connectorLayers, target, variant, highRes, crop } = checked
    const { width, height } = this.image
    const model = this.#mllm.name
    const image = { width, height }
    const facts = { model, question, method, layers, connectorLayers, target, variant, image }
    if (crop !== 'auto') return { ...facts, crop, cropReason: null, importance: null, blocks: null }
    if (method === 'none')
      return { ...facts, crop: null, cropReason: 'method none', importance: null, blocks: null }
    const blocks = this.#blocksFor(highRes)
    options.onProgress?.('map')
    const ask = { ...facts, method, variant: variant ?? 'paper', options }
    const importance =
      blocks === null
        ? await timer.time('mapMs', () => this.#mapOfWhole(ask))
        : await this.#mapOfBlocks(blocks, ask, timer)
    const choice: CropChoice = selectCrop(importance, this.#mllm.model.inputSize)
    const grid = blocks && { rows: blocks.rows, columns: blocks.columns }
    return { ...facts, crop: choice.crop, cropReason: choice.reason, importance, blocks: grid }
  }

  #blocksFor(mode: HighRes): Blocks | null {
    return blocksFor(this.image, mode, this.#whole.showsLess)
  }

  async #mapOfWhole(asked: MapQuestion): Promise<ImportanceMap> {
    const { geometry } = this.#whole
    const onParts = (parts: Parts): void => asked.options.onProgress?.('map', parts)
    const values = await mapOf(this.#whole, this.#context, asked, onParts)
    return { ...geometry.grid, values, geometry }
  }

  /** The maps of all blocks as one. */
  async #mapOfBlocks(blocks: Blocks, asked: MapQuestion, timer: Timer): Promise<ImportanceMap> {
    const { signal, onProgress } = asked.options
    this.#blocks ??= await timer.time('encodeBlocksMs', () => {
      const images = blocks.boxes.map(box => cropImage(this.image, box))
      return this.#whole.seeBlocks(images, signal)
    })
    // One cache for all blocks, beside that of the whole picture, which the answers go on from.
    const context = new Context(this.#mllm.decoder)
    const cells = gridOfPicture((this.#blocks[0] as View).geometry)
    const maps: Float32Array[] = []
    for (const [i, block] of this.#blocks.entries()) {
      const map = await timer.time('mapMs', () => mapOf(block, context, asked))
      maps.push(spread(map, block.geometry, tiling(block.geometry.source, cells)))
      block.forgetHidden()
      onProgress?.('map', { done: i + 1, total: blocks.boxes.length })
    }
    const grid = { rows: blocks.rows * cells.rows, columns: blocks.columns * cells.columns }
    const { width, height } = this.image
    return { ...grid, values: joinMaps(maps, blocks, cells), geometry: tiling({ width, height }, grid) }
  }

  #answerPlainly(of: 'plainAnswer' | 'answer', asked: PicturesQuestion): Promise<Generated> {
    const { question, options, timer } = asked
    options.onProgress?.('plain answer')
    return timer.time('plainAnswerMs', async () => {
      const images = await this.#inPrompt(asked)
      return generate(this.#mllm, this.#context, promptFor(this.#mllm, question, images), { ...options, of })
    })
  }

  /** @param crops of each picture; null: none */
  async #answerFromCrops(crops: readonly (Box | null)[], asked: PicturesQuestion): Promise<Generated> {
    const { question, options, timer } = asked
    options.onProgress?.('crop answer')
    const { maxPositions } = this.#mllm.model.language
    const prompt = promptFor(this.#mllm, question, await this.#withCrops(crops, asked))
    if (prompt.length > maxPositions)
      throw new InputError(
        `crop: with it the prompt has ${prompt.length} positions, the model has room for ${maxPositions}. Show a smaller picture, or ask with method none.`,
      )
    return timer.time('answerMs', () =>
      generate(this.#mllm, this.#context, prompt, { ...options, of: 'answer' }),
    )
  }

  /** The pictures as they stand in prompts, behind each its crop. */
  async #withCrops(crops: readonly (Box | null)[], asked: PicturesQuestion): Promise<EncodedImage[]> {
    const { question, pictures, options, timer } = asked
    const { maxNewTokens = defaultMaxNewTokens, signal } = options
    const wholes = await this.#inPrompt(asked)
    const taken = promptFor(this.#mllm, question, wholes).length + maxNewTokens
    const count = crops.filter(crop => crop !== null).length
    const room = Math.floor((this.#mllm.model.language.maxPositions - taken) / count)
    const images: EncodedImage[] = []
    for (const [i, { image }] of pictures.entries()) {
      images.push(wholes[i] as EncodedImage)
      const crop = crops[i] ?? null
      if (crop === null) continue
      const encode = (): Promise<EncodedImage> =>
        encodeCrop(this.#mllm, cropImage(image, crop), image, room, { question, signal })
      images.push(await timer.time('encodeCropMs', encode))
    }
    return images
  }

  /** The pictures as they stand in prompts with the question. */
  async #inPrompt({ question, pictures, options }: PicturesQuestion): Promise<EncodedImage[]> {
    const images: EncodedImage[] = []
    for (const picture of pictures) images.push(await picture.#whole.under(question, options.signal))
    return images
  }
}

const backTo = (method: Method): 'pixels' | 'connector' | null =>
  method === 'none' ? null : mapMethods[method].backTo

/** A question that is to be answered from pictures, the one that is asked and others. */
interface PicturesQuestion {
  readonly question: string
  readonly pictures: readonly Picture[]
  readonly options: AskOptions
  readonly timer: Timer
}

/** A question that is to be answered with a map. */
interface MapQuestion {
  readonly question: string
  readonly method: MapMethod
  readonly layers: readonly number[]
  readonly connectorLayers: readonly number[]
  readonly target: number | null
  readonly variant: InputGradientVariant
  readonly options: LookOptions
}

function mapOf(
  view: View,
  context: Context,
  asked: MapQuestion,
  onParts?: (parts: Parts) => void,
): Promise<Float32Array> {
  const { question, target, method, layers, connectorLayers, variant, options } = asked
  const { signal } = options
  const looker = view.looker(context, {
    question,
    target,
    connectorLayers,
    signal,
    ...(onParts && { onParts }),
  })
  return mapMethods[method].map(looker, { layers, variant })
}
