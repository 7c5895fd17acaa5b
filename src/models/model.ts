import type { Chain } from '../grad/chain.ts'
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Geometry } from '../image/geometry.ts'
import type { Image } from '../image/image.ts'
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
}

/** The decoder half of a model: three expressions over one key/value cache. */
export interface LanguageModel {
  readonly layers: number
  readonly hiddenSize: number
  readonly vocabularySize: number
  readonly maxPositions: number
  readonly headSize: number
  /** The cache of one layer is [1, kvHeads, places, headSize], twice. */
  readonly cache: { readonly kvHeads: number; readonly headSize: number }
  /** cos and sin of `count` positions from `start`, each [count, headSize]. */
  rotaryTables(start: number, count: number): { cos: Float32Array; sin: Float32Array }
  embed(): Graph
  /** With `hidden`, the input of every layer but the first is an output too: `hidden.1`, ... each [S,C]. */
  decode(options?: { readonly hidden: boolean }): Graph
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
 * A whole prompt of S positions, attention written out and the layers cut apart, so that it can be differentiated with
 * memory for one layer at a time. Keys and values are known from the cache.
 */
export interface Unrolled extends Chain {
  /** `hidden.0` [S,C], the prompt's rows, then the input of each further layer. */
  readonly cuts: Readonly<Record<string, Tensor>>
  /** [1,V], of the last position. */
  readonly logits: Tensor
}

/** The picture half of a model: encoder and connector in one graph. */
export interface VisionModel {
  /** From `pixel_values` [B,3,H,W] to `image_features` [B,T,C], cut between layers. */
  encode(): Chain
  /** T: positions that one picture takes in the prompt. */
  readonly imageTokens: number
  /** Which of them is the first cell of the map; the cells follow in row-major order. */
  readonly firstCell: number
  /** Side of a cell, in pixels of the model's input. */
  readonly cellPx: number
  /** @param fit overrides how the picture is fitted to the model's input */
  preprocess(image: Image, fit?: Fit): PreparedImage
}

/** A picture as the model takes it: pixel values of a shape such as [1,3,H,W], and where its cells lie in the source. */
export interface PreparedImage {
  readonly pixelValues: Float32Array
  readonly shape: readonly number[]
  /** The same pixels before they were scaled and normalised. */
  readonly input: Image
  readonly geometry: Geometry
}

/** What the rest of the project needs to know of a model. Methods see this and never a model's name. */
export interface Model {
  readonly modelType: string
  readonly vision: VisionModel
  readonly language: LanguageModel
  readonly imageTokenId: number
  /** Side in pixels of the square that the vision encoder sees: the base window of the crop. */
  readonly inputSize: number
  /** The layer, counted from 0, whose attention the map is made of unless the caller asks for others. */
  readonly defaultLayers: readonly number[]
  /** The question with the paper's request for a short answer. */
  instruct(question: string): string
  /**
   * The paper's prompt: `imageToken` for each of `images`, the instruction, and everything up to where the answer
   * starts.
   */
  plainPrompt(question: string, images: number, imageToken: string): string
}
