import { z } from 'zod'
import { activationNames } from '../nn/activation.ts'

/** Larger than any published model by far, small enough that no product of two sizes leaves 2^53. */
const maxSize = 1 << 20
export const maxLayers = 1024

/** A size that a config gives: whole, at least 1, and not absurd. */
export const size = z.int().min(1).max(maxSize)
export const layerCount = z.int().min(1).max(maxLayers)
export const tokenId = z
  .int()
  .min(0)
  .max(1 << 24)
export const epsilon = z.number().min(0).max(1)
export const activation = z.enum(activationNames)

/** Checks a JSON object against a schema; the error is one line that names the file and the first bad field. */
export function parseConfig<T>(schema: z.ZodType<T>, json: unknown, file: string): T {
  const parsed = schema.safeParse(json, { error: describe })
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = issue?.path.length ? `"${issue.path.join('.')}": ` : ''
  const problem = issue?.message ?? 'not understood'
  throw new Error(`${file}: ${field}${problem}. Is it damaged, or of a model that is not supported?`)
}

type Issue = z.core.$ZodRawIssue

/** Words of a schema's own for what it expects. */
export const expected = (what: string): { error: (issue: Issue) => string } => ({
  error: issue => `expected ${what}, found ${quoted(issue.input)}`,
})

/** The words for every schema that has none of its own. */
function describe(issue: Issue): string | undefined {
  const what = expectation(issue)
  const { discriminator } = issue as { discriminator?: string }
  const input = issue.input as Record<string, unknown> | undefined
  const found = discriminator === undefined ? input : input?.[discriminator]
  return what && `expected ${what}, found ${quoted(found)}`
}

const typeNames: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
}

function expectation(issue: Issue): string | undefined {
  if (issue.code === 'invalid_type') return typeNames[issue.expected] ?? issue.expected
  if (issue.code === 'too_big') return `at most ${issue.maximum}`
  if (issue.code === 'too_small') return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}`
  const { values, options } = issue as { values?: unknown[]; options?: unknown[] }
  return (values ?? options)?.map(quoted).join(' or ')
}

/** Characters of an untrusted file's value that a message shows. */
const maxQuoted = 80

/** A value out of an untrusted file as JSON: nothing in it can break a message's line, or flood it. */
export function quoted(value: unknown): string {
  if (value === undefined) return 'nothing'
  const json = typeof value === 'number' ? String(value) : JSON.stringify(value)
  return json.length <= maxQuoted ? json : `${json.slice(0, maxQuoted)}…`
}
