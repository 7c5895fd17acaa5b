import type { Context, ProbeOptions } from './decode/context.ts'
import type { ImageRow, Prompt } from './decode/prompt.ts'
import { type EncodedImage, encodeAll, encodeWithHidden, rowsOf } from './encode.ts'
import type { Geometry } from './image/geometry.ts'
import type { Image } from './image/image.ts'
import { type EdgeMedian, edgesOf } from './importance/input-gradient.ts'
import type { Looker } from './importance/method.ts'
import { type Mllm, promptFor } from './mllm.ts'
import type { PreparedImage } from './models/model.ts'
import { float32Value, floats, type Values } from './onnx/session.ts'
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
  #generalGradient: Float32Array | null = null
  readonly #edges = new Map<EdgeMedian, Float32Array>()
  /** What the vision encoder's backward pass needs of its forward one. */
  #hidden: Values | null = null

  private constructor(mllm: Mllm, prepared: PreparedImage, rows: ImageRow[], hidden: Values | null) {
    this.#mllm = mllm
    this.#prepared = prepared
    this.#hidden = hidden
    this.encoded = { rows, geometry: prepared.geometry }
  }

  static async see(mllm: Mllm, image: Image, signal?: AbortSignal): Promise<View> {
    const prepared = mllm.model.vision.preprocess(image)
    const [rows] = await encodeAll(mllm, [prepared], signal)
    return new View(mllm, prepared, rows as ImageRow[], null)
  }

  /** A view that is to be asked for gradients by pixels: what they need of the encoder is kept from the start. */
  static async seeForGradients(mllm: Mllm, image: Image, signal?: AbortSignal): Promise<View> {
    const prepared = mllm.model.vision.preprocess(image)
    const hidden = await encodeWithHidden(mllm, prepared, signal)
    const [rows] = rowsOf(floats(hidden, 'image_features'), mllm.model)
    return new View(mllm, prepared, rows as ImageRow[], hidden)
  }

  /** The blocks of a picture, stretched to the model's input so that their cells tile it; encoded as few batches. */
  static async seeBlocks(mllm: Mllm, blocks: readonly Image[], signal?: AbortSignal): Promise<View[]> {
    const prepared = blocks.map(block => mllm.model.vision.preprocess(block, 'stretch'))
    const rows = await encodeAll(mllm, prepared, signal)
    return prepared.map((one, i) => new View(mllm, one, rows[i] as ImageRow[], null))
  }

  get geometry(): Geometry {
    return this.encoded.geometry
  }

  /** The view as a method sees it, through a context that is used for nothing else meanwhile. */
  looker(context: Context, asked: ViewQuestion): Looker {
    const { question, target, signal } = asked
    const general = { ...asked, question: generalQuestion, target: null }
    return {
      edges: median => this.#edgesOf(median),
      inputWidth: this.#prepared.input.width,
      cellPx: this.#mllm.model.vision.cellPx,
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
    const { rows: down, columns } = this.geometry.grid
    const first = prompt.indexOf(this.encoded.rows[this.#mllm.model.vision.firstCell] as ImageRow)
    return rows.map(row => row.slice(first, first + down * columns))
  }

  /** dv/dx of the normalised pixels [3,H,W]: back through the prompt, the connector and the vision encoder. */
  async #pixelGradient(context: Context, asked: ViewQuestion): Promise<Float32Array> {
    const { question, target, signal, onParts } = asked
    const { model, decoder, vision: sessions } = this.#mllm
    const prompt = promptFor(this.#mllm, question, [this.encoded])
    context.keepLayerInputs()
    await context.hold(prompt, signal)
    const total = decoder.backward('likeliest').steps + sessions.backward().steps
    let done = 0
    const options = { signal, onStep: () => onParts?.({ done: ++done, total }) }
    const byRow = await context.inputGradient({ target, ...options })
    const [rows, width] = [model.vision.imageTokens, model.language.hiddenSize]
    const first = prompt.indexOf(this.encoded.rows[0] as ImageRow)
    const byFeature = float32Value(byRow.subarray(first * width, (first + rows) * width), [1, rows, width])
    this.#hidden ??= await encodeWithHidden(this.#mllm, this.#prepared, signal)
    return sessions.backward().run(this.#hidden, byFeature, options)
  }

  #edgesOf(median: EdgeMedian): Float32Array {
    const edges = this.#edges.get(median) ?? edgesOf(this.#prepared.input, median)
    this.#edges.set(median, edges)
    return edges
  }
}
