import { z } from 'zod'
import { size } from '../config.ts'

/** Published grids end at 16 tiles of 384 pixels; this is four times that. */
const maxPixels = 1 << 24

const pinpoint = z
  .tuple([size, size])
  .refine(([height, width]) => height * width <= maxPixels, `more than ${maxPixels} pixels`)

/** Sizes that a picture may be brought to before it is cut into tiles: [height, width] each. */
export const gridPinpoints = z.array(pinpoint).min(1).max(256)

export type GridPinpoints = z.infer<typeof gridPinpoints>

export const defaultPinpoints: GridPinpoints = [
  [336, 672],
  [672, 336],
  [672, 672],
  [1008, 336],
  [336, 1008],
]

/** What `config.json` of `model_type: llava_next` says beyond LLaVA's, with the reference implementation's defaults. */
export const llavaNextConfig = z.object({
  image_grid_pinpoints: gridPinpoints.nullish().transform(value => value ?? defaultPinpoints),
  vision_feature_select_strategy: z.literal('default').default('default'),
})
