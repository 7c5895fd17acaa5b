import { z } from 'zod'
import type { Colour, Size } from '../../image/image.ts'
import type { Fit, PreprocessSpec } from '../../image/preprocess.ts'
import { resamples } from '../../image/resize.ts'
import { size as anySize, expected, parseConfig } from '../config.ts'

/** In pixels. The inputs of published vision encoders end at about 1,000. */
const side = anySize.max(8192)
const exactSize = z.object({ height: side, width: side })
const square = (length: number): Size => ({ height: length, width: length })

const factor = numberFrom(1e-6, 1e6)
const mean = numberFrom(-1e6, 1e6)

/** A number per channel, or one for all. */
const perChannel = <T extends z.ZodType<number>>(value: T) =>
  z.union(
    [z.tuple([value, value, value]), value.transform(x => [x, x, x] as const)],
    expected('three numbers or one'),
  )

function numberFrom(low: number, high: number) {
  const error = expected(`a number from ${low} to ${high}`)
  return z.number(error).min(low, error).max(high, error)
}

/** A field that is missing or null takes the reference's default. */
const optional = <T extends z.ZodType>(schema: T, fallback: z.output<T>) =>
  schema.nullish().transform((value): z.output<T> => value ?? fallback)

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

const cropSize = z.union(
  [side.transform(square), exactSize],
  expected('1 to 8192 pixels as a number or {height, width}'),
)

const resample = numberFrom(0, resamples.length - 1).int()

const imageProcessor = z.object({
  do_pad: optional(z.boolean(), false),
  do_resize: optional(z.boolean(), true),
  size: optional(size, { shortestEdge: 224 }),
  resample: optional(resample, resamples.indexOf('bicubic')),
  do_center_crop: optional(z.boolean(), true),
  crop_size: optional(cropSize, square(224)),
  do_rescale: optional(z.boolean(), true),
  rescale_factor: optional(factor, 1 / 255),
  do_normalize: optional(z.boolean(), true),
  image_mean: optional(perChannel(mean), [0.48145466, 0.4578275, 0.40821073]),
  image_std: optional(perChannel(factor), [0.26862954, 0.26130258, 0.27577711]),
})
type ImageProcessor = z.output<typeof imageProcessor>

/** The processors with this pipeline, by their old name and with the suffixes of transformers' backends. */
const typeName = z
  .string()
  .regex(
    /^(CLIP|Llava)(FeatureExtractor|ImageProcessor(Fast|Pil)?)$/,
    expected('CLIPImageProcessor or LlavaImageProcessor, as LLaVA-1.5 checkpoints have'),
  )

const header = z.object({
  image_processor_type: typeName.nullish(),
  feature_extractor_type: typeName.nullish(),
})

/**
 * Reads `preprocessor_config.json`, or the part of `processor_config.json` that transformers 5 writes in its place, with
 * the defaults of `CLIPImageProcessor` and `LlavaImageProcessor`.
 *
 * `fit` replaces what the file says about pictures that are not square. Throws one sentence with the file and the field:
 * a value out of bounds, another image processor, or settings that leave the input's size to the picture.
 */
export function parseProcessor(json: unknown, fit?: Fit): PreprocessSpec {
  const { file, settings } = locate(json)
  const type = parseConfig(header, settings, file)
  const config = parseConfig(imageProcessor, settings, file)
  const name = type.image_processor_type ?? type.feature_extractor_type ?? 'LlavaImageProcessor'
  // CLIP's `do_pad` evens out the pictures of a batch; it does nothing to one picture.
  const pads = config.do_pad && name.startsWith('Llava')
  const input = inputSize(config, pads, file)
  return {
    ...(fit === undefined ? declaredFit(config, pads) : fitTo(fit, config, input)),
    input,
    resample: resamples[config.resample]!,
    rescaleFactor: config.do_rescale ? config.rescale_factor : 1,
    mean: config.do_normalize ? config.image_mean : [0, 0, 0],
    std: config.do_normalize ? config.image_std : [1, 1, 1],
  }
}

function locate(json: unknown): { file: string; settings: unknown } {
  const nested = typeof json === 'object' && json !== null && 'image_processor' in json
  return nested
    ? { file: 'processor_config.json, image_processor', settings: json.image_processor }
    : { file: 'preprocessor_config.json', settings: json }
}

function inputSize(config: ImageProcessor, pads: boolean, file: string): Size {
  if (config.do_center_crop) return config.crop_size
  if (config.do_resize && !('shortestEdge' in config.size)) return config.size
  if (config.do_resize && pads && 'shortestEdge' in config.size) return square(config.size.shortestEdge)
  throw new Error(
    `${file}: "do_center_crop" is false and "size" leaves one side open, but the model's input has one size: ` +
      'give "size" as {height, width}, or set "do_center_crop" and "crop_size"',
  )
}

type Placement = Pick<PreprocessSpec, 'padding' | 'size'>

const declaredFit = (config: ImageProcessor, pads: boolean): Placement => ({
  padding: pads ? paddingColour(config) : null,
  size: config.do_resize ? config.size : null,
})

function fitTo(fit: Fit, config: ImageProcessor, input: Size): Placement {
  if (fit === 'stretch') return { padding: null, size: input }
  if (fit === 'pad') return { padding: paddingColour(config), size: input }
  const covering = { shortestEdge: Math.max(input.width, input.height) }
  return { padding: null, size: 'shortestEdge' in config.size ? config.size : covering }
}

/** The mean as a colour, cut to whole numbers as the reference does it. */
function paddingColour({ image_mean }: ImageProcessor): Colour {
  const [red, green, blue] = image_mean.map(value => Math.min(Math.max(Math.trunc(value * 255), 0), 255))
  return [red!, green!, blue!]
}
