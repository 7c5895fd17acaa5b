import { z } from 'zod'
import type { Size } from '../../image/image.ts'
import type { PreprocessSpec } from '../../image/preprocess.ts'
import { InputError } from '../../input-error.ts'
import { size as anySize, expected } from '../config.ts'
import { clipValues, optional, readProcessor, valueFields, valuesOf } from '../image-processor.ts'

/** The largest pictures that published checkpoints take have 13 megapixels. */
const mostPixels = 1 << 26
const pixels = z.int().min(1).max(mostPixels)

const nativeProcessor = z.object({
  do_resize: optional(
    z.literal(true, expected('true, as the sides of a picture must be multiples of a cell')),
    true,
  ),
  min_pixels: pixels.nullish(),
  max_pixels: pixels.nullish(),
  size: z.object({ shortest_edge: pixels.optional(), longest_edge: pixels.optional() }).nullish(),
  patch_size: optional(anySize, 14),
  temporal_patch_size: optional(anySize, 2),
  merge_size: optional(anySize, 2),
  ...valueFields('bicubic', clipValues),
})

/** How pictures of any size and proportions become the model's input. */
export interface NativeProcessor {
  readonly patch_size: number
  readonly temporal_patch_size: number
  readonly merge_size: number
  readonly pixels: PixelRange
  /** What is done to a picture that is to have this size. */
  specFor(size: Size): PreprocessSpec
}

/** How many pixels a resized picture has: `min` at least, `max` at most, as near as whole cells come to it. */
export interface PixelRange {
  readonly min: number
  readonly max: number
}

/**
 * Reads `preprocessor_config.json`, or the part of `processor_config.json` that transformers 5 writes in its place, with
 * the defaults of `Qwen2VLImageProcessor`. The range of pixels has two spellings: `min_pixels` and `max_pixels`, which
 * win, and `size` with `shortest_edge` and `longest_edge`, which are numbers of pixels too.
 *
 * @param maxPixels overrides what the file says of the most pixels
 */
export function parseNativeProcessor(json: unknown, maxPixels: number | null = null): NativeProcessor {
  const { config, file } = readProcessor(json, nativeProcessor, {
    pattern: 'Qwen2VLImageProcessor',
    what: 'Qwen2VLImageProcessor, as Qwen2-VL and Qwen2.5-VL checkpoints have',
  })
  const min = config.min_pixels ?? config.size?.shortest_edge ?? 56 * 56
  const max = config.max_pixels ?? config.size?.longest_edge ?? 28 * 28 * 1280
  if (min > max)
    throw new Error(`${file}: at least ${min} pixels, but at most ${max}. Set min_pixels below max_pixels.`)
  if (maxPixels !== null && !(Number.isInteger(maxPixels) && maxPixels >= min && maxPixels <= mostPixels))
    throw new Error(
      `max pixels: expected a whole number from ${min} to ${mostPixels} for this model, found ${maxPixels}.`,
    )
  return {
    ...config,
    pixels: { min, max: maxPixels ?? max },
    specFor: size => ({ padding: null, size, input: size, ...valuesOf(config) }),
  }
}

/** Longer pictures than this, for their width, are refused, as the reference refuses them. */
const maxAspect = 200

/**
 * The size that a picture gets: both sides whole cells, its proportions as near as that allows, its pixels within the
 * range. `smart_resize` of the reference, with Python's rounding of halves to even numbers.
 *
 * @param cellPx side of a cell
 */
export function resizedSize({ width, height }: Size, cellPx: number, { min, max }: PixelRange): Size {
  if (Math.max(width, height) > maxAspect * Math.min(width, height)) {
    throw new InputError(
      `picture: ${width}x${height} has one side more than ${maxAspect} times the other. Cut it into pieces.`,
    )
  }
  const size = { width: roundToEven(width / cellPx) * cellPx, height: roundToEven(height / cellPx) * cellPx }
  if (size.width * size.height > max) {
    const shrink = Math.sqrt((height * width) / max)
    const side = (length: number): number => Math.max(cellPx, Math.floor(length / shrink / cellPx) * cellPx)
    return { width: side(width), height: side(height) }
  }
  if (size.width * size.height < min) {
    const grow = Math.sqrt(min / (height * width))
    const side = (length: number): number => Math.ceil((length * grow) / cellPx) * cellPx
    return { width: side(width), height: side(height) }
  }
  return size
}

function roundToEven(x: number): number {
  const below = Math.floor(x)
  if (x - below !== 0.5) return Math.round(x)
  return below % 2 === 0 ? below : below + 1
}
