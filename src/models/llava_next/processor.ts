import type { PreprocessSpec } from '../../image/preprocess.ts'
import { clipProcessor } from '../clip/processor.ts'
import { quoted } from '../config.ts'
import { readProcessor, valuesOf } from '../image-processor.ts'
import { defaultPinpoints, type GridPinpoints, gridPinpoints } from './config.ts'

/** How pixels become numbers. */
export type PixelValues = Pick<PreprocessSpec, 'resample' | 'rescaleFactor' | 'mean' | 'std'>

const llavaNextProcessor = clipProcessor.extend({
  image_grid_pinpoints: gridPinpoints.nullish().transform(value => value ?? defaultPinpoints),
})

/**
 * Reads the image processor's settings, with the defaults of `LlavaNextImageProcessor`. It makes tiles of the size that
 * the vision encoder takes, on the grids that the model knows; other sizes and grids are refused.
 */
export function parseProcessor(json: unknown, imageSize: number, pinpoints: GridPinpoints): PixelValues {
  const { config, file } = readProcessor(json, llavaNextProcessor, {
    pattern: 'LlavaNextImageProcessor',
    what: 'LlavaNextImageProcessor, as LLaVA-NeXT checkpoints have',
  })
  const { size, crop_size: tile } = config
  const sides = 'shortestEdge' in size ? [size.shortestEdge] : [size.width, size.height]
  const other = [...sides, tile.width, tile.height].find(side => side !== imageSize)
  const together = 'Do the two files belong together?'
  if (other !== undefined)
    throw new Error(
      `${file}: makes tiles of ${other} pixels, but config.json: vision_config.image_size is ${imageSize}. ${together}`,
    )
  const [found, known] = [config.image_grid_pinpoints, pinpoints].map(quoted)
  if (JSON.stringify(config.image_grid_pinpoints) !== JSON.stringify(pinpoints))
    throw new Error(
      `${file}: "image_grid_pinpoints" are ${found}, those of config.json ${known}. ${together}`,
    )
  return valuesOf(config)
}
