import { z } from 'zod'
import { activationNames } from '../nn/activation.ts'

/** Larger than any published model by far, small enough that no product of two sizes leaves 2^53. */
const maxSize = 1 << 20
const maxLayers = 1024

/** A size that a config gives: whole, at least 1, and not absurd. */
export const size = z.int().min(1).max(maxSize)
export const layerCount = z.int().min(1).max(maxLayers)
export const tokenId = z
  .int()
  .min(0)
  .max(1 << 24)
export const epsilon = z.number().min(0).max(1)
export const activation = z.enum(activationNames)

/** Checks a JSON object against a schema; the error is one sentence that names the file and the first bad field. */
export function parseConfig<T>(schema: z.ZodType<T>, json: unknown, file: string): T {
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = issue?.path.length ? `"${issue.path.join('.')}": ` : ''
  throw new Error(`${file}: ${field}${issue?.message ?? 'not understood'}`)
}
