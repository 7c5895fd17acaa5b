import type { Chain } from '../grad/chain.ts'
import type { Graph } from '../graph/graph.ts'
import type { DType, Tensor } from '../graph/tensor.ts'
import type { Geometry, Grid } from '../image/geometry.ts'
import type { Image, Size } from '../image/image.ts'
import type { Fit } from '../image/preprocess.ts'
import type { TensorStore } from '../nn/weights.ts'

/** What a checkpoint brings: parsed JSON files, not yet checked, and its tensors. */
export interface ModelFiles {
  readonly config: unknown
  /** `preprocessor_config.json` or `processor_config.json`. */
  readonly processor: unknown
  readonly tensors: TensorStore
  /** Overrides how pictures are fitted to the model's square input. */
  readonly fit: Fit | null
  /** Overrides how many pixels a picture has at most, of a model that takes pictures at their size. */
  readonly maxPixels: number | null
}

/** What the vision encoder made of a picture: R rows of C numbers, float32 [R,C]. */
export interface ImageFeatures {
  readonly rows: number
  readonly width: number
  readonly data: Float32Array
  /** Of the picture's map: of a picture that is seen in one view, how its rows lie in it. */
  readonly grid: Grid
}

/** One row of an encoded picture at its place in a prompt. */
export interface ImageRow {
  readonly features: ImageFeatures
  readonly row: number
}

/**
 * A prompt as the decoder takes it: a token id or a picture's row for every position. Rows are equal exactly when
 * they are the same object, so make those of a picture once, with `imageRuns`.
 */
export type Prompt = readonly (number | ImageRow)[]

/** The decoder half of a model: four expressions over one key/value cache. */
export interface LanguageModel {
  readonly layers: number
  readonly hiddenSize: number
  readonly vocabularySize: number
  readonly maxPositions: number
  readonly headSize: number
  /** The cache of one layer is [1, kvHeads, places, headSize], twice. */
  readonly cache: { readonly kvHeads: number; readonly headSize: number }
  /** cos and sin for the positions of a prompt from `start` on, each [S-start,headSize]. */
  rotaryTables(prompt: Prompt, start: number): { cos: Float32Array; sin: Float32Array }
  embed(): Graph
  /** With `hidden`, the input of every layer but the first is an output too: `hidden.1`, ... each [S,C]. */
  decode(options?: { readonly hidden: boolean }): Graph
  /** The same of one position, but for the cache: instead, what belongs into it at that position. */
  step(): Graph
  probe(): Probe
  unroll(): Unrolled
}

/**
 * One position over a cache of n, attention written out so that it can be read and differentiated. A graph made of it
 * computes as many layers as what is read of it needs.
 */
export interface Probe {
  /** Of each layer [K,H/K,n+1]: that position's softmax attention, query heads in groups of one key head. */
  readonly attentions: readonly Tensor[]
  /** [1,V] */
  readonly logits: Tensor
}

/**
 * A whole prompt of S positions, the layers cut apart, so that it can be differentiated with memory for one layer at a
 * time, and for the attention of one head. Keys and values are known from the cache.
 */
export interface Unrolled extends Chain {
  /** `hidden.0` [S,C], the prompt's rows, then the input of each further layer. */
  readonly cuts: Readonly<Record<string, Tensor>>
  /** [1,V], of the last position. */
  readonly logits: Tensor
}

/** The picture half of a model: encoder and connector in one graph, or the encoder alone before a `QueryConnector`. */
export interface VisionModel {
  /**
   * From `pixel_values` [B,...], one or several views of a picture or of several, to `image_features` [B,T,C], cut
   * between layers.
   */
  encode(): Chain
  /** Of a model that takes pictures at their size: how many pixels they have, at least and at most. */
  readonly pixels?: { readonly min: number; readonly max: number }
  /** @param fit overrides how the picture is fitted to the model's input */
  preprocess(image: Image, fit?: Fit): PreparedImage
  /**
   * The size that a crop of a picture is brought to before it is preprocessed, so that it is seen in more detail than as
   * a part of the picture. Its own where `preprocess` enlarges a small picture by itself.
   * @param room positions that it may take; where nothing fits, the size is its own
   */
  enlarged(crop: Size, picture: Size, room: number): Size
}

/** A picture as the model takes it: B views, which make B * T rows of features. */
export interface PreparedImage {
  /** The encoder's `pixel_values`. */
  readonly pixelValues: Float32Array
  /** [B,...] */
  readonly shape: readonly number[]
  /** The encoder's other inputs. Pictures whose views have one shape, and whose maps have one grid, have the same ones. */
  readonly feeds: Readonly<Record<string, Feed>>
  /** What the picture's token in the text of a prompt is replaced by: these texts, with a token for a run between each two. */
  readonly texts: readonly string[]
  /** For each run, which rows of the features its positions take, or which of a `QueryConnector`'s query tokens. */
  readonly runs: readonly (readonly number[])[]
  /** How much of the picture's detail the views show, the whole of it each: one level, or a coarse and a fine one. */
  readonly levels: readonly PreparedLevel[]
  /** Where the cells of the map lie that the levels' maps are joined to. */
  readonly geometry: Geometry
}

/** Numbers for an input of a graph; row-major. */
export interface Feed {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: Float32Array | Int32Array | BigInt64Array | Uint8Array
}

/** The picture as a whole: one view of it, or several side by side. */
export interface PreparedLevel {
  /** Its H x W pixels before they were scaled and normalised. */
  readonly input: Image
  /** Side of a cell in these pixels. */
  readonly cellPx: number
  readonly geometry: Geometry
  /**
   * For each cell, the position among those of the picture (all runs) that shows it; -1: none does. Before a
   * `QueryConnector`, whose query tokens are no cells, the one of its features that does.
   */
  readonly positions: readonly number[]
  /** Of a gradient by all `pixel_values`, that by these pixels: [3,H,W]. */
  pixelsOf(gradient: Float32Array): Float32Array
}

/**
 * A connector that depends on the question: query tokens, which stand for the picture in the prompt, are told the
 * instruction and attend to all features of the picture's one view. So they are no cells, and the way from cells to the
 * prompt is the connector's cross-attention, the paper's A_ti.
 */
export interface QueryConnector {
  /** Q: positions that one picture takes in the prompt. */
  readonly queryTokens: number
  /** E: width of the features that it is given. */
  readonly featureWidth: number
  /** Layers that attend to the picture; the first of them is layer 0. */
  readonly layers: number
  /** Of these the ones whose attention the map is made of unless the caller asks for others. */
  readonly defaultLayers: readonly number[]
  /** The folder in the checkpoint where the tokenizer of instructions is, and the bounds of what it may give. */
  readonly tokenizer: {
    readonly folder: string
    readonly vocabularySize: number
    readonly maxTokens: number
  }
  connect(): Connection
}

/** From `image_features` [1,T,E], which the vision encoder gives, and `instruction_ids` int64 [I] to `query_features` [Q,C]. */
export interface Connection extends Chain {
  /** Of each layer that attends to the picture [H,Q,T]. */
  readonly attentions: readonly Tensor[]
}

/** What the rest of the project needs to know of a model. Methods see this and never a model's name. */
export interface Model {
  readonly modelType: string
  readonly vision: VisionModel
  /** Left out where the features of a picture are its rows in the prompt, whatever is asked. */
  readonly connector?: QueryConnector
  readonly language: LanguageModel
  /** The token that stands for a picture; null: the vocabulary has none, and `imagesFirst` is true. */
  readonly imageTokenId: number | null
  /** Whether pictures stand before the whole text, even its first special token, and not where the text says. */
  readonly imagesFirst?: boolean
  /**
   * The base window of the crop: side in pixels of the square that the vision encoder sees, or what a model takes for it
   * that sees pictures at their size.
   */
  readonly inputSize: number
  /** The layer, counted from 0, whose attention the map is made of unless the caller asks for others. */
  readonly defaultLayers: readonly number[]
  /** The question with the paper's request for a short answer; also what a `QueryConnector` is told. */
  instruct(question: string): string
  /**
   * The paper's prompt: `imageToken` for each of `images` (none where images come first), the instruction, and everything
   * up to where the answer starts.
   * @param bos the token that texts begin with, or ''; a prompt that begins with it does not get it from the tokenizer
   */
  plainPrompt(question: string, images: number, imageToken: string, bos: string): string
}
