import { z } from 'zod'
import type { Colour, Size } from '../../image/image.ts'
import type { Fit, PreprocessSpec } from '../../image/preprocess.ts'
import { expected } from '../config.ts'
import { clipValues, exactSize, optional, side, valueFields, valuesOf } from '../image-processor.ts'

// The pipeline of CLIP's image processor, which LLaVA's and BLIP's have too.

const square = (length: number): Size => ({ height: length, width: length })

const size = z.union(
  [
    side.transform(shortestEdge => ({ shortestEdge })),
    z
      .strictObject({ shortest_edge: side })
      .transform(({ shortest_edge }) => ({ shortestEdge: shortest_edge })),
    exactSize,
  ],
  expected('1 to 8192 pixels as a number, {shortest_edge} or {height, width}'),
)

/** One number is both sides. */
export const squareOrExactSize = z.union(
  [side.transform(square), exactSize],
  expected('1 to 8192 pixels as a number or {height, width}'),
)

/** Its settings, with the reference's defaults. */
export const clipProcessor = z.object({
  do_pad: optional(z.boolean(), false),
  do_resize: optional(z.boolean(), true),
  size: optional(size, { shortestEdge: 224 }),
  do_center_crop: optional(z.boolean(), true),
  crop_size: optional(squareOrExactSize, square(224)),
  ...valueFields('bicubic', clipValues),
})
type ClipProcessor = z.output<typeof clipProcessor>

/**
 * What the settings come to.
 * @param pads whether `do_pad` or its like makes pictures square
 * @param fit replaces what they say about pictures that are not square
 * @throws where they leave the input's size to the picture
 */
export function specOf(config: ClipProcessor, pads: boolean, file: string, fit?: Fit): PreprocessSpec {
  const input = inputSize(config, pads, file)
  return {
    ...(fit === undefined ? declaredFit(config, pads) : fitTo(fit, config, input)),
    input,
    ...valuesOf(config),
  }
}

function inputSize(config: ClipProcessor, pads: boolean, file: string): Size {
  if (config.do_center_crop) return config.crop_size
  if (config.do_resize && !('shortestEdge' in config.size)) return config.size
  if (config.do_resize && pads && 'shortestEdge' in config.size) return square(config.size.shortestEdge)
  throw new Error(
    `${file}: "do_center_crop" is false and "size" leaves one side open, but the model's input has one size: ` +
      'give "size" as {height, width}, or set "do_center_crop" and "crop_size"',
  )
}

type Placement = Pick<PreprocessSpec, 'padding' | 'size'>

const declaredFit = (config: ClipProcessor, pads: boolean): Placement => ({
  padding: pads ? paddingColour(config) : null,
  size: config.do_resize ? config.size : null,
})

function fitTo(fit: Fit, config: ClipProcessor, input: Size): Placement {
  if (fit === 'stretch') return { padding: null, size: input }
  if (fit === 'pad') return { padding: paddingColour(config), size: input }
  const covering = { shortestEdge: Math.max(input.width, input.height) }
  return { padding: null, size: 'shortestEdge' in config.size ? config.size : covering }
}

/** The mean as a colour, cut to whole numbers as the reference does it. */
function paddingColour({ image_mean }: ClipProcessor): Colour {
  const [red, green, blue] = image_mean.map(value => Math.min(Math.max(Math.trunc(value * 255), 0), 255))
  return [red!, green!, blue!]
}
