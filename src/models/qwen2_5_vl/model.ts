import { type Grid, wholePicture } from '../../image/geometry.ts'
import type { Size } from '../../image/image.ts'
import { preprocess } from '../../image/preprocess.ts'
import { InputError } from '../../input-error.ts'
import { type TensorStore, type Weights, weightsAt } from '../../nn/weights.ts'
import { parseConfig } from '../config.ts'
import type { Feed, Model, ModelFiles, PreparedImage, VisionModel } from '../model.ts'
import { instruct } from '../paper.ts'
import { qwen2 } from '../qwen2/language.ts'
import { type QwenConfig, qwen2_5VlConfig, type VisionConfig } from './config.ts'
import { patchTables, windowsOf } from './grid.ts'
import { type NativeProcessor, parseNativeProcessor, resizedSize } from './processor.ts'
import { qwenVision } from './vision.ts'

/** Qwen2.5-VL (Bai et al. 2025): a vision encoder for pictures of any size, most of whose layers see windows, and Qwen2. */
export const qwen2_5Vl = (files: ModelFiles): Model =>
  qwenModel(files, parseConfig(qwen2_5VlConfig, files.config, 'config.json'))

/** Qwen2-VL or Qwen2.5-VL, which differ in their vision encoders alone. */
export function qwenModel(files: ModelFiles, config: QwenConfig): Model {
  const { text_config: text, vision_config: vision } = config
  const places = locate(files.tensors)
  return {
    modelType: config.model_type,
    vision: nativeVision(files, places.vision, vision),
    language: qwen2(places.language, config.tie_word_embeddings ? null : places.head, text),
    imageTokenId: config.image_token_id,
    inputSize: baseCells * cellOf(vision),
    defaultLayers: defaultLayers(text.num_hidden_layers),
    instruct: withoutVideo,
    plainPrompt,
  }
}

/** What the checkpoints' chat template makes of a question about pictures. */
function plainPrompt(question: string, images: number, imageToken: string): string {
  const pictures = `<|vision_start|>${imageToken}<|vision_end|>`.repeat(images)
  const turns = [
    'system\nYou are a helpful assistant.<|im_end|>\n',
    `user\n${pictures}${withoutVideo(question)}<|im_end|>\n`,
    'assistant\n',
  ]
  return turns.map(turn => `<|im_start|>${turn}`).join('')
}

/**
 * The base window of the crop in cells along a side, each 28 pixels of the picture unless it was resized. An encoder that
 * takes pictures at their size has no input size of its own to go by. Eight cells are the 224 pixels of the official code
 * for this model, and the length of two of the windows by which the encoder sees.
 */
const baseCells = 8

function withoutVideo(question: string): string {
  if (question.includes(videoToken))
    throw new InputError(
      `question: contains ${videoToken}, and videos are not supported. Ask about a picture.`,
    )
  return instruct(question)
}

const videoToken = '<|video_pad|>'

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)

/** Side of a cell, in pixels of the resized picture. */
const cellOf = (config: VisionConfig): number => config.patch_size * config.spatial_merge_size

/** The layers that the paper reads, of 36 (3B) and of 28 (7B). Other depths get those at the same shares of the way as in 7B. */
const paperLayers: Readonly<Record<number, readonly number[]>> = { 36: [22], 28: [18, 22, 24] }

export function defaultLayers(depth: number): readonly number[] {
  const band = paperLayers[depth] ?? paperLayers[28]!.map(layer => Math.floor((layer * depth) / 28))
  return [...new Set(band)]
}

function nativeVision(files: ModelFiles, weights: Weights, config: VisionConfig): VisionModel {
  if (files.fit !== null)
    throw new Error(
      `fit ${files.fit}: this model takes pictures in their own proportions. Leave the fit out.`,
    )
  const processor = parseNativeProcessor(files.processor, files.maxPixels)
  requireSame(processor, config)
  const cellPx = cellOf(config)
  const sizeOf = (image: Size): Size => resizedSize(image, cellPx, processor.pixels)
  /**
   * A crop gets as many pixels as the picture has for the encoder, as a model with an input of one size gives it: its
   * details are then larger by as much as it is smaller than the picture. At its own size it would look as it did before.
   */
  function asLargeAs({ width, height }: Size, crop: Size, room: number): Size {
    if (room < 1) return crop
    const { min, max } = processor.pixels
    const most = Math.min(max, room * cellPx * cellPx)
    const grown = resizedSize(crop, cellPx, { min: clamp(width * height, min, most), max: most })
    // Whole cells can come out at a little more than the most.
    const enlarged = resizedSize(grown, cellPx, { min, max: most })
    return enlarged.width * enlarged.height <= most ? enlarged : crop
  }
  return {
    pixels: processor.pixels,
    encode: () => qwenVision(weights, config),
    enlarged: (crop, picture, room) => asLargeAs(sizeOf(picture), crop, room),
    preprocess(image) {
      const size = sizeOf(image)
      const { pixelValues, input } = preprocess(image, processor.specFor(size))
      const grid = { rows: size.height / cellPx, columns: size.width / cellPx }
      const source = { width: image.width, height: image.height }
      const geometry = { source, view: wholePicture(source), grid }
      const cells = Array.from({ length: grid.rows * grid.columns }, (_, cell) => cell)
      const level = {
        input,
        cellPx,
        geometry,
        positions: cells,
        pixelsOf: (gradient: Float32Array) => gradient,
      }
      return {
        pixelValues,
        shape: shapeOf(grid, config),
        feeds: feedsFor(grid, config),
        texts: ['', ''],
        runs: [cells],
        levels: [level],
        geometry,
      }
    },
  }
}

/** A picture's pixels by cells, patches and pixels: [1,3,Y,m,p,X,m,p]. */
function shapeOf({ rows, columns }: Grid, { spatial_merge_size: m, patch_size: p }: VisionConfig): number[] {
  return [1, 3, rows, m, p, columns, m, p]
}

/** What the encoder is told of a grid of cells. */
function feedsFor(grid: Grid, config: VisionConfig): PreparedImage['feeds'] {
  const { spatial_merge_size: m, hidden_size: width, num_heads: heads, windows } = config
  const { cos, sin } = patchTables(grid, config)
  const tables = [grid.rows, grid.columns, m * m, 1, width / heads]
  const rotary = { vision_cos: feed(cos, tables), vision_sin: feed(sin, tables) }
  if (windows === null) return rotary
  const { grid: split, mask } = windowsOf(grid, windows.side, config)
  const inWindow = mask.length / (split.rows * split.columns)
  return { ...rotary, window_mask: feed(mask, [split.rows, split.columns, 1, 1, inWindow]) }
}

const feed = (data: Float32Array, shape: readonly number[]): Feed => ({ dtype: 'float32', shape, data })

/** Both files say how a picture falls into patches. */
function requireSame(processor: NativeProcessor, config: VisionConfig): void {
  const pairs = [
    ['patch_size', 'patch_size'],
    ['merge_size', 'spatial_merge_size'],
    ['temporal_patch_size', 'temporal_patch_size'],
  ] as const
  const differing = pairs.find(([own, other]) => processor[own] !== config[other])
  if (differing === undefined) return
  const [own, other] = differing
  throw new Error(
    `processor: ${own} is ${processor[own]}, but config.json: vision_config.${other} is ${config[other]}. Do the two files belong together?`,
  )
}

interface Places {
  readonly vision: Weights
  readonly language: Weights
  readonly head: Weights
}

/** Where the parts lie: as the checkpoints on the hub have it, or all of it under `model`. */
function locate(tensors: TensorStore): Places {
  const isNested = tensors.has('model.language_model.embed_tokens.weight')
  return {
    vision: weightsAt(tensors, isNested ? 'model.visual' : 'visual'),
    language: weightsAt(tensors, isNested ? 'model.language_model' : 'model'),
    head: weightsAt(tensors, 'lm_head'),
  }
}
