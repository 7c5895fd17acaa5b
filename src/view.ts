import type { Context, ProbeOptions } from './decode/context.ts'
import { positionsOf } from './decode/prompt.ts'
import { batchesOf, type EncodedImage, encodeAll, encodedImage, encodeWithHidden, joined } from './encode.ts'
import { type Geometry, spread } from './image/geometry.ts'
import type { Image } from './image/image.ts'
import { type EdgeMedian, edgesOf } from './importance/input-gradient.ts'
import type { Looker } from './importance/method.ts'
import { type Mllm, promptFor } from './mllm.ts'
import type { PreparedImage, PreparedLevel, Prompt } from './models/model.ts'
import { float32Value, floats, type Value, type Values } from './onnx/session.ts'
import type { Parts } from './options.ts'

/** The paper's q': what the model attends to when asked for nothing in particular. */
const generalQuestion = 'Write a general description of the image.'

/** What is asked of a view. */
export interface ViewQuestion {
  readonly question: string
  /** The token that is explained; null: the likeliest. */
  readonly target: number | null
  readonly signal: AbortSignal | undefined
  /** Called as a backward pass goes on. */
  readonly onParts?: (parts: Parts) => void
}

/**
 * What the model sees of a picture at once, the whole of it or a block: encoded once, and with what depends on it alone
 * kept between questions.
 */
export class View {
  readonly encoded: EncodedImage
  readonly #mllm: Mllm
  readonly #prepared: PreparedImage
  /** Under the general prompt: attention by layer, and the gradient by pixels. */
  readonly #generalAttention = new Map<number, Float32Array>()
  #generalGradient: readonly Float32Array[] | null = null
  readonly #edges = new Map<string, Float32Array>()
  /** What the vision encoder's backward pass needs of its forward one; kept where that is a single run. */
  #hidden: Values | null

  private constructor(
    mllm: Mllm,
    prepared: PreparedImage,
    encoded: EncodedImage,
    hidden: Values | null = null,
  ) {
    this.#mllm = mllm
    this.#prepared = prepared
    this.#hidden = hidden
    this.encoded = encoded
  }

  static async see(mllm: Mllm, image: Image, signal?: AbortSignal): Promise<View> {
    const prepared = mllm.model.vision.preprocess(image)
    const [encoded] = await encodeAll(mllm, [prepared], signal)
    return new View(mllm, prepared, encoded as EncodedImage)
  }

  /** A view that is to be asked for gradients by pixels: what they need of the encoder is kept from the start. */
  static async seeForGradients(mllm: Mllm, image: Image, signal?: AbortSignal): Promise<View> {
    const prepared = mllm.model.vision.preprocess(image)
    const [feeds, ...others] = batchesOf(mllm, [prepared])
    if (others.length > 0) return View.see(mllm, image, signal)
    const hidden = await encodeWithHidden(mllm, feeds as Values, signal)
    const encoded = encodedImage(mllm.model, prepared, floats(hidden, 'image_features'))
    return new View(mllm, prepared, encoded, hidden)
  }

  /** The blocks of a picture, stretched to the model's input so that their cells tile it; encoded as few batches. */
  static async seeBlocks(mllm: Mllm, blocks: readonly Image[], signal?: AbortSignal): Promise<View[]> {
    const prepared = blocks.map(block => mllm.model.vision.preprocess(block, 'stretch'))
    const encoded = await encodeAll(mllm, prepared, signal)
    return prepared.map((one, i) => new View(mllm, one, encoded[i] as EncodedImage))
  }

  get geometry(): Geometry {
    return this.encoded.geometry
  }

  /** The view as a method sees it, through a context that is used for nothing else meanwhile. */
  looker(context: Context, asked: ViewQuestion): Looker {
    const { question, target, signal } = asked
    const general = { ...asked, question: generalQuestion, target: null }
    return {
      levels: this.#prepared.levels.map((level, i) => ({
        edges: (median: EdgeMedian) => this.#edgesOf(i, median),
        inputWidth: level.input.width,
        cellPx: level.cellPx,
      })),
      join: maps => this.#join(maps),
      read: (reading, layers) => this.#read(context, question, layers, { reading, target, signal }),
      generalAttention: async layers => {
        const missing = layers.filter(layer => !this.#generalAttention.has(layer))
        if (missing.length > 0) {
          const maps = await this.#read(context, generalQuestion, missing, { signal })
          for (const [i, layer] of missing.entries())
            this.#generalAttention.set(layer, maps[i] as Float32Array)
        }
        return layers.map(layer => this.#generalAttention.get(layer) as Float32Array)
      },
      pixelGradient: () => this.#pixelGradient(context, asked),
      generalPixelGradient: async () => {
        this.#generalGradient ??= await this.#pixelGradient(context, general)
        return this.#generalGradient
      },
    }
  }

  /** Forgets what can be computed again, but for what the encoder made of the picture. */
  forget(): void {
    this.#generalAttention.clear()
    this.#generalGradient = null
    this.#edges.clear()
    this.forgetHidden()
  }

  /** Forgets the largest part of it, which only gradients by pixels use. */
  forgetHidden(): void {
    this.#hidden = null
  }

  /** What is read of the starting answer token at the cells: [L][N]. */
  async #read(
    context: Context,
    question: string,
    layers: readonly number[],
    options: ProbeOptions,
  ): Promise<Float32Array[]> {
    const prompt = promptFor(this.#mllm, question, [this.encoded])
    await context.hold(prompt.slice(0, -1), options.signal)
    const rows = await context.probe(prompt.at(-1) as Prompt[number], layers, options)
    const at = positionsOf(prompt, this.encoded.features)
    const { levels } = this.#prepared
    return rows.map(row => this.#join(levels.map(level => mapOfLevel(level, row, at))))
  }

  /**
   * One map of a map of each level. A level's cell shows what several finer ones show in parts: what it has is divided among
   * them by area, and what all levels have of a cell is added up. That is the paper's A_si = A_st A_ti, with the share of a
   * token's area that lies in a cell as A_ti; levels need no scale beside each other, as one softmax is over all tokens.
   * For gradients it is the chain rule: a pixel of a coarse level stands for several of a fine one.
   */
  #join(maps: readonly Float32Array[]): Float32Array {
    const { levels, geometry } = this.#prepared
    const [first, ...others] = maps.map((map, i) => {
      const from = (levels[i] as PreparedLevel).geometry
      return from === geometry ? map : spread(map, from, geometry)
    }) as [Float32Array, ...Float32Array[]]
    if (others.length === 0) return first
    return first.map((value, cell) => others.reduce((sum, map) => sum + (map[cell] as number), value))
  }

  /** dv/dx of the normalised pixels of each level [3,H,W]: back through the prompt, the connector and the vision encoder. */
  async #pixelGradient(context: Context, asked: ViewQuestion): Promise<Float32Array[]> {
    const { question, target, signal, onParts } = asked
    const { decoder, vision: sessions } = this.#mllm
    const prompt = promptFor(this.#mllm, question, [this.encoded])
    context.keepLayerInputs()
    await context.hold(prompt, signal)
    const batches = [...batchesOf(this.#mllm, [this.#prepared])]
    const total = decoder.backward('likeliest').steps + batches.length * sessions.backward().steps
    let done = 0
    const options = { signal, onStep: () => onParts?.({ done: ++done, total }) }
    const byRow = await context.inputGradient({ target, ...options })
    const byFeature = this.#byFeature(byRow, positionsOf(prompt, this.encoded.features))
    const byPixels: Float32Array[] = []
    let start = 0
    for (const feeds of batches) {
      const hidden = this.#hidden ?? (await encodeWithHidden(this.#mllm, feeds, signal))
      if (batches.length === 1) this.#hidden = hidden
      const features = hidden.image_features as Value
      const end = start + features.data.length
      const gradient = float32Value(byFeature.subarray(start, end), features.shape)
      byPixels.push(await sessions.backward().run(hidden, gradient, options))
      start = end
    }
    const gradient = joined(byPixels)
    return this.#prepared.levels.map(level => level.pixelsOf(gradient))
  }

  /** What reaches the picture's features of what reaches the rows [S,C] of a prompt, in which it stands at these positions. */
  #byFeature(byRow: Float32Array, at: readonly number[]): Float32Array {
    const { rows, width } = this.encoded.features
    const gradient = new Float32Array(rows * width)
    for (const [i, { row }] of this.encoded.runs.flat().entries()) {
      const from = (at[i] as number) * width
      for (let c = 0; c < width; c++) {
        const to = row * width + c
        gradient[to] = (gradient[to] as number) + (byRow[from + c] as number)
      }
    }
    return gradient
  }

  #edgesOf(level: number, median: EdgeMedian): Float32Array {
    const key = `${level} ${median}`
    const { input } = this.#prepared.levels[level] as PreparedLevel
    const edges = this.#edges.get(key) ?? edgesOf(input, median)
    this.#edges.set(key, edges)
    return edges
  }
}

/** The map of a level: of a row over the positions of a prompt, what it has where the picture's positions `at` are. */
const mapOfLevel = ({ positions }: PreparedLevel, row: Float32Array, at: readonly number[]): Float32Array =>
  Float32Array.from(positions, position => (position === -1 ? 0 : (row[at[position] as number] as number)))
