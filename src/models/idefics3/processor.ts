import { z } from 'zod'
import type { Size } from '../../image/image.ts'
import type { PreprocessSpec } from '../../image/preprocess.ts'
import { expected } from '../config.ts'
import { exactSize, optional, readProcessor, side, valueFields, valuesOf } from '../image-processor.ts'

/** Whatever the file says, no picture is made larger than this. */
const maxImageSize = 4096

const longestEdge = z.object({ longest_edge: side })

const idefics3Processor = z.object({
  do_resize: optional(z.boolean(), true),
  size: optional(
    z.union([longestEdge, exactSize], expected('{longest_edge} or {height, width} of 1 to 8192 pixels')),
    { longest_edge: 4 * 364 },
  ),
  do_image_splitting: optional(z.boolean(), true),
  max_image_size: optional(longestEdge, { longest_edge: 364 }),
  ...valueFields('lanczos', { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }),
})

/** What is done to a picture before it is cut into tiles. */
export interface Idefics3Processor {
  /** The size that a picture is brought to first; null: its own. */
  readonly resized: ((picture: Size) => Size) | null
  /** Whether it is cut into tiles. */
  readonly splits: boolean
  readonly values: Pick<PreprocessSpec, 'resample' | 'rescaleFactor' | 'mean' | 'std'>
}

/**
 * Reads the image processor's settings, with the defaults of `Idefics3ImageProcessor`. Its tiles are those of the vision
 * encoder's size; others are refused.
 */
export function parseProcessor(json: unknown, imageSize: number): Idefics3Processor {
  const { config, file } = readProcessor(json, idefics3Processor, {
    pattern: '(Idefics3|SmolVLM)ImageProcessor',
    what: 'Idefics3ImageProcessor or SmolVLMImageProcessor, as such checkpoints have',
  })
  const { longest_edge: tile } = config.max_image_size
  if (tile !== imageSize)
    throw new Error(
      `${file}: makes tiles of ${tile} pixels, but config.json: vision_config.image_size is ${imageSize}. Do the two files belong together?`,
    )
  const { size } = config
  const resized =
    'longest_edge' in size ? (picture: Size) => withLongestEdge(picture, size.longest_edge) : () => size
  return {
    resized: config.do_resize ? resized : null,
    splits: config.do_image_splitting,
    values: valuesOf(config),
  }
}

/** A picture's longer side at a length, the other one in proportion, cut and made even; none over the maximum. */
export function withLongestEdge(picture: Size, edge: number): Size {
  const { width, height } = scaledTo(picture, edge)
  const even =
    width >= height ? { width, height: height + (height % 2) } : { width: width + (width % 2), height }
  const { width: x, height: y } = atLeastOne(even)
  return Math.max(x, y) <= maxImageSize
    ? { width: x, height: y }
    : atLeastOne(scaledTo({ width: x, height: y }, maxImageSize))
}

const scaledTo = ({ width, height }: Size, edge: number): Size =>
  width >= height
    ? { width: edge, height: Math.trunc(edge / (width / height)) }
    : { width: Math.trunc(edge * (width / height)), height: edge }

const atLeastOne = ({ width, height }: Size): Size => ({
  width: Math.max(1, width),
  height: Math.max(1, height),
})
