import { z } from 'zod'
import type { PreprocessSpec } from '../image/preprocess.ts'
import { resamples } from '../image/resize.ts'
import { size as anySize, expected, parseConfig } from './config.ts'

// What the image processors of transformers have in common: where their settings are, and how bytes become numbers.

/** In pixels. The inputs of published vision encoders end at about 1,000. */
export const side = anySize.max(8192)
export const exactSize = z.object({ height: side, width: side })

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
export const optional = <T extends z.ZodType>(schema: T, fallback: z.output<T>) =>
  schema.nullish().transform((value): z.output<T> => value ?? fallback)

/** Settings that all of them have, with defaults of their own for the filter, the mean and the deviation. */
export const valueFields = (
  filter: PreprocessSpec['resample'],
  { mean: means, std }: Pick<PreprocessSpec, 'mean' | 'std'>,
) => ({
  resample: optional(numberFrom(0, resamples.length - 1).int(), resamples.indexOf(filter)),
  do_rescale: optional(z.boolean(), true),
  rescale_factor: optional(factor, 1 / 255),
  do_normalize: optional(z.boolean(), true),
  image_mean: optional(perChannel(mean), [...means]),
  image_std: optional(perChannel(factor), [...std]),
})

type ValueSettings = z.output<z.ZodObject<ReturnType<typeof valueFields>>>

/** What they come to. */
export const valuesOf = (
  config: ValueSettings,
): Pick<PreprocessSpec, 'resample' | 'rescaleFactor' | 'mean' | 'std'> => ({
  resample: resamples[config.resample]!,
  rescaleFactor: config.do_rescale ? config.rescale_factor : 1,
  mean: config.do_normalize ? config.image_mean : [0, 0, 0],
  std: config.do_normalize ? config.image_std : [1, 1, 1],
})

/** Of CLIP, in many image processors. */
export const clipValues = {
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
} as const

/**
 * Reads `preprocessor_config.json`, or the part of `processor_config.json` that transformers 5 writes in its place.
 * @param pattern of the names of the image processors asked for, without the suffixes of transformers' backends
 * @param what these are, in words
 * @returns the settings, the image processor's name if the file gives one, and what the file is called in messages
 */
export function readProcessor<T>(
  json: unknown,
  schema: z.ZodType<T>,
  { pattern, what }: { readonly pattern: string; readonly what: string },
): { config: T; name: string | null; file: string } {
  const nested = typeof json === 'object' && json !== null && 'image_processor' in json
  const file = nested ? 'processor_config.json, image_processor' : 'preprocessor_config.json'
  const settings = nested ? json.image_processor : json
  const known = z.string().regex(new RegExp(`^${pattern}(Fast|Pil)?$`), expected(what))
  const header = z.object({ image_processor_type: known.nullish(), feature_extractor_type: known.nullish() })
  const { image_processor_type: type, feature_extractor_type: older } = parseConfig(header, settings, file)
  return { config: parseConfig(schema, settings, file), name: type ?? older ?? null, file }
}
