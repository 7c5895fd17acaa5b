import type { ConnectorSessions } from './connect.ts'
import type { Context } from './decode/context.ts'
import { attention, type MapReading } from './decode/probe.ts'
import { positionsOf } from './decode/prompt.ts'
import {
  batchesOf,
  connectImage,
  type EncodedImage,
  encodeAll,
  encodedImage,
  encodeWithHidden,
  enlargedCrop,
  joined,
} from './encode.ts'
import { cellSize, type Geometry, showsAll, spread } from './image/geometry.ts'
import type { Image } from './image/image.ts'
import { type EdgeMedian, edgesOf } from './importance/input-gradient.ts'
import type { Looker } from './importance/method.ts'
import { type Mllm, promptFor } from './mllm.ts'
import type { PreparedImage, PreparedLevel, Prompt } from './models/model.ts'
import { float32Value, floats, type Value, type Values } from './onnx/session.ts'
import type { Parts } from './options.ts'

/** The paper's q': what the model attends to when asked for nothing in particular. */
const generalQuestion = 'Write a general description of the image.'

/** A picture is made smaller by as much to have sides of whole cells. */
const negligibleShrinkage = 1.05

/** What is asked of a view. */
export interface ViewQuestion {
  readonly question: string
  /** The token that is explained; null: the likeliest. */
  readonly target: number | null
  /** Layers of a connector that depends on the question; default: its own. */
  readonly connectorLayers?: readonly number[]
  readonly signal: AbortSignal | undefined
  /** Called as a backward pass goes on. */
  readonly onParts?: (parts: Parts) => void
}

/** How many questions a view is kept under: the one that is asked, and the general one. */
const questionsKept = 2

/**
 * What the model sees of a picture at once, the whole of it or a block: encoded once, and with what depends on it alone
 * kept between questions.
 */
export class View {
  readonly #mllm: Mllm
  readonly #prepared: PreparedImage
  readonly #encoded: EncodedImage
  /** As it stands in prompts, by the question, where a connector depends on that. */
  readonly #connected = new Map<string, EncodedImage>()
  /** Under the general prompt: attention by layers, and the gradient by pixels. */
  readonly #generalAttention = new Map<string, Float32Array[]>()
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
    this.#encoded = encoded
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

  /**
   * The blocks of a picture, enlarged as crops are, and stretched to the model's input so that their cells tile it; encoded
   * as few batches.
   */
  async seeBlocks(blocks: readonly Image[], signal?: AbortSignal): Promise<View[]> {
    const mllm = this.#mllm
    const { geometry, features } = this.#encoded
    const prepared = blocks.map(block =>
      mllm.model.vision.preprocess(enlargedCrop(mllm, block, geometry.source, features.rows), 'stretch'),
    )
    const encoded = await encodeAll(mllm, prepared, signal)
    return prepared.map((one, i) => new View(mllm, one, encoded[i] as EncodedImage))
  }

  get geometry(): Geometry {
    return this.#encoded.geometry
  }

  /** The view as it stands in prompts with a question: the same rows, the very objects, for the same question. */
  async under(question: string, signal?: AbortSignal): Promise<EncodedImage> {
    if (this.#mllm.connector === null) return this.#encoded
    const known = this.#connected.get(question)
    const connected = known ?? (await connectImage(this.#mllm, this.#encoded, question, signal))
    this.#connected.delete(question)
    this.#connected.set(question, connected)
    for (const old of [...this.#connected.keys()].slice(0, -questionsKept)) this.#connected.delete(old)
    return connected
  }

  /** Whether the model is shown less than the picture has: parts are cut off, or details smaller than they are. */
  get showsLess(): boolean {
    return this.#prepared.levels.every(({ geometry, cellPx }) => {
      const { width, height } = cellSize(geometry)
      const isShrunk = Math.max(width, height) > negligibleShrinkage * cellPx
      return isShrunk || !showsAll(geometry)
    })
  }

  /** The view as a method sees it, through a context that is used for nothing else meanwhile. */
  looker(context: Context, asked: ViewQuestion): Looker {
    const general = { ...asked, question: generalQuestion, target: null }
    return {
      levels: this.#prepared.levels.map((level, i) => ({
        edges: (median: EdgeMedian) => this.#edgesOf(i, median),
        inputWidth: level.input.width,
        cellPx: level.cellPx,
      })),
      join: maps => this.#join(maps),
      read: async (reading, layers) => (await this.#read(context, asked, layers, reading)).flat(),
      generalAttention: async layers => {
        const known = this.#generalAttention
        const key = (layer: number): string => `${layer} ${this.#connectorLayers(asked)}`
        const missing = layers.filter(layer => !known.has(key(layer)))
        const maps = missing.length === 0 ? [] : await this.#read(context, general, missing, attention)
        for (const [i, layer] of missing.entries()) known.set(key(layer), maps[i] as Float32Array[])
        return layers.flatMap(layer => known.get(key(layer)) as Float32Array[])
      },
      pixelGradient: () => this.#pixelGradient(context, asked),
      generalPixelGradient: async () => {
        this.#generalGradient ??= await this.#pixelGradient(context, general)
        return this.#generalGradient
      },
    }
  }

  /** Bytes held. */
  get bytes(): number {
    const rows = [this.#encoded, ...this.#connected.values()].map(({ features }) => features.data)
    const general = [...this.#generalAttention.values(), this.#generalGradient ?? []].flat()
    const hidden = Object.values(this.#hidden ?? {}).map(({ data }) => data)
    const arrays = [this.#prepared.pixelValues, ...rows, ...general, ...this.#edges.values(), ...hidden]
    return arrays.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  /** Forgets what can be computed again, but for what the encoder made of the picture. */
  forget(): void {
    this.#connected.clear()
    this.#generalAttention.clear()
    this.#generalGradient = null
    this.#edges.clear()
    this.forgetHidden()
  }

  /** Forgets the largest part of it, which only gradients by pixels use. */
  forgetHidden(): void {
    this.#hidden = null
  }

  /** What is read of the starting answer token at the cells, with each layer of a connector: [L][K][N], K 1 without. */
  async #read(
    context: Context,
    asked: ViewQuestion,
    layers: readonly number[],
    reading: MapReading,
  ): Promise<Float32Array[][]> {
    const { question, target, signal } = asked
    const seen = await this.under(question, signal)
    const prompt = promptFor(this.#mllm, question, [seen])
    const toFeatures = await this.#connectorReadings(context, prompt, asked, reading)
    await context.hold(prompt.slice(0, -1), signal)
    const rows = await context.probe(prompt.at(-1) as Prompt[number], layers, { reading, target, signal })
    const at = positionsOf(prompt, seen.features)
    const { levels } = this.#prepared
    const toCells = (values: Float32Array): Float32Array =>
      this.#join(levels.map(level => mapOfLevel(level, values)))
    return rows.map(row => {
      const values = Float32Array.from(at, position => row[position] as number)
      return toFeatures === null ? [toCells(values)] : toFeatures.map(by => toCells(product(values, by)))
    })
  }

  /** What is read of a connector's attention from each query token to each feature: [K][Q,T]; null without one. */
  async #connectorReadings(
    context: Context,
    prompt: Prompt,
    asked: ViewQuestion,
    reading: MapReading,
  ): Promise<Float32Array[] | null> {
    const { connector } = this.#mllm
    if (connector === null) return null
    const layers = this.#connectorLayers(asked)
    const session = await connector.attend(reading, layers)
    const gradient = reading.weigh === null ? {} : { gradient: await this.#gradient(context, prompt, asked) }
    const outputs = await session.run({ ...this.#connectorFeeds(connector, asked), ...gradient })
    const all = floats(outputs, 'attentions')
    const size = all.length / layers.length
    return layers.map((_, k) => all.subarray(k * size, (k + 1) * size))
  }

  #connectorLayers({ connectorLayers }: ViewQuestion): readonly number[] {
    return connectorLayers ?? this.#mllm.connector?.connector.defaultLayers ?? []
  }

  #connectorFeeds(connector: ConnectorSessions, { question }: ViewQuestion): Values {
    return connector.feeds(this.#encoded.features, this.#mllm.model.instruct(question))
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
    const { question, signal, onParts } = asked
    const { decoder, vision: sessions, connector } = this.#mllm
    const prompt = promptFor(this.#mllm, question, [await this.under(question, signal)])
    const batches = [...batchesOf(this.#mllm, [this.#prepared])]
    const steps = batches.length * sessions.backward().steps + (connector?.backward().steps ?? 0)
    const total = decoder.backward('likeliest').steps + steps
    let done = 0
    const options = { signal, onStep: () => onParts?.({ done: ++done, total }) }
    const byRow = await this.#gradient(context, prompt, asked, options.onStep)
    const byFeature =
      connector === null
        ? (byRow.data as Float32Array)
        : await connector.backward().run(this.#connectorFeeds(connector, asked), byRow, options)
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

  /** How the log probability of the token explained changes with what stands for the picture in the prompt: [R,C]. */
  async #gradient(
    context: Context,
    prompt: Prompt,
    { question, target, signal }: ViewQuestion,
    onStep: () => void = () => {},
  ): Promise<Value> {
    const seen = await this.under(question, signal)
    context.keepLayerInputs()
    await context.hold(prompt, signal)
    const byRow = await context.inputGradient({ target, signal, onStep })
    const { rows, width } = seen.features
    return float32Value(byFeature(byRow, seen, positionsOf(prompt, seen.features)), [rows, width])
  }

  #edgesOf(level: number, median: EdgeMedian): Float32Array {
    const key = `${level} ${median}`
    const { input } = this.#prepared.levels[level] as PreparedLevel
    const edges = this.#edges.get(key) ?? edgesOf(input, median)
    this.#edges.set(key, edges)
    return edges
  }
}

/** The map of a level, of values at the picture's positions or at its features. */
const mapOfLevel = ({ positions }: PreparedLevel, values: Float32Array): Float32Array =>
  Float32Array.from(positions, position => (position === -1 ? 0 : (values[position] as number)))

/** A_st A_ti of the paper: [Q] x [Q,T] -> [T]. */
function product(row: Float32Array, matrix: Float32Array): Float32Array {
  const width = matrix.length / row.length
  const sums = new Float64Array(width)
  for (const [q, value] of row.entries()) {
    for (let t = 0; t < width; t++) sums[t] = (sums[t] as number) + value * (matrix[q * width + t] as number)
  }
  return Float32Array.from(sums)
}

/** What reaches a picture's features of what reaches the rows [S,C] of a prompt, in which it stands at these positions. */
function byFeature(
  byRow: Float32Array,
  { features, runs }: EncodedImage,
  at: readonly number[],
): Float32Array {
  const { rows, width } = features
  const gradient = new Float32Array(rows * width)
  for (const [i, { row }] of runs.flat().entries()) {
    const from = (at[i] as number) * width
    for (let c = 0; c < width; c++) {
      const to = row * width + c
      gradient[to] = (gradient[to] as number) + (byRow[from + c] as number)
    }
  }
  return gradient
}
