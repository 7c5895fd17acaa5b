import { InvalidArgumentError, type LanguageModelV3CallOptions, type SharedV3Warning } from '@ai-sdk/provider'
import { z } from 'zod'
import { lookSchema } from '../look-schema.ts'

const askSchema = lookSchema.extend({ plain: z.boolean().exactOptional() })

/** What `providerOptions.vicrop` may say to a model wrapped by the middleware: the options of `picture.look`. */
export type VicropLookOptions = z.infer<typeof lookSchema>

/** What `providerOptions.vicrop` may say to a model of the provider. */
export interface VicropProviderOptions extends VicropLookOptions {
  /** Whether the answer from the picture alone is given too, in the metadata. It costs its tokens. Default: false. */
  readonly plain?: boolean
}

/** @throws InvalidArgumentError for what is not known, or not of its type */
export const readAskOptions = (options: unknown = {}): VicropProviderOptions =>
  parse(askSchema, options, providerOptions)

/** @throws InvalidArgumentError for what is not known, or not of its type */
export const readLookOptions = (
  options: unknown = {},
  argument: string = providerOptions,
): VicropLookOptions => parse(lookSchema, options, argument)

/** Where the options of a call are. */
export const providerOptions = 'providerOptions.vicrop'

function parse<T>(schema: z.ZodType<T>, options: unknown, argument: string): T {
  const { data, error } = schema.safeParse(options)
  if (error === undefined) return data
  const { path, message } = error.issues[0] as z.core.$ZodIssue
  const at = [argument, ...path.map(String)].join('.')
  throw new InvalidArgumentError({ argument, message: `${at}: ${message}`, cause: error })
}

/** Settings of sampling, with the values at which they change nothing. A seed changes nothing either. */
const sampling = { temperature: 0, topP: 1, topK: 1, presencePenalty: 0, frequencyPenalty: 0 } as const

/** What of a call's settings is not heeded. */
export function unsupportedSettings(call: LanguageModelV3CallOptions): SharedV3Warning[] {
  const names = Object.keys(sampling) as (keyof typeof sampling)[]
  const features = [
    ...names.filter(name => call[name] !== undefined && call[name] !== sampling[name]),
    ...(call.stopSequences?.length ? ['stopSequences'] : []),
    ...(call.responseFormat?.type === 'json' ? ['responseFormat'] : []),
    ...(call.tools?.length ? ['tools'] : []),
  ]
  const details = 'Answers are plain text, decoded greedily, without tools.'
  return features.map(feature => ({ type: 'unsupported', feature, details }))
}
