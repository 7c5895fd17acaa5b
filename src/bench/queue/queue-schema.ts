import { z } from 'zod'
import type { FailedRow, ModelFacts, Provenance, Row, Settings, Way } from '../run/row.ts'
import { failedSchema, provenanceSchema, rowSchema, settingsSchema, waySchema } from '../run/row-schema.ts'

// What goes through a queue: plain data, checked at both ends.

/** What workers are told of a run: all that they have to agree on. */
export interface QueuedRun {
  /** Of its queue. */
  readonly name: string
  /** Of vicrop. */
  readonly version: string
  readonly benchmark: Pick<Provenance['benchmark'], 'name' | 'hash'>
  readonly model: Pick<ModelFacts, 'name' | 'hash'>
  readonly settings: Settings
  readonly ways: readonly Way[]
  readonly ratios: boolean
  /** Who answers in place of the model; absent: the model itself. Its key is each worker's own. */
  readonly answerer?: QueuedAnswerer
}

export interface QueuedAnswerer {
  /** Of an OpenAI-compatible API. */
  readonly url: string
  /** As the endpoint calls it, and as ways do. */
  readonly model: string
  /** How many questions each worker asks it at once. */
  readonly parallel: number
}

/** Questions about one picture, by their ids, each with the keys of the answers that are wanted. */
export interface QueuedJob {
  readonly asked: readonly { readonly id: string; readonly keys: readonly string[] }[]
}

export interface JobResult {
  readonly rows: readonly Row[]
  readonly failed: readonly FailedRow[]
  /** How they were made. */
  readonly run: Provenance
}

const text = z.string().min(1)
const named = z.object({ name: text, hash: text })

export const runSchema: z.ZodType<QueuedRun> = z.object({
  name: text,
  version: text,
  benchmark: named,
  model: named,
  settings: settingsSchema,
  ways: z.array(waySchema),
  ratios: z.boolean(),
  answerer: z
    .object({ url: z.url({ protocol: /^https?$/ }), model: text, parallel: z.int().min(1) })
    .exactOptional(),
})

export const jobSchema: z.ZodType<QueuedJob> = z.object({
  asked: z.array(z.object({ id: text, keys: z.array(text).min(1) })).min(1),
})

export const resultSchema: z.ZodType<JobResult> = z.object({
  rows: z.array(rowSchema),
  failed: z.array(failedSchema),
  run: provenanceSchema,
})
