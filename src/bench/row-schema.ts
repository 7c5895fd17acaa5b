import { z } from 'zod'
import type { FailedRow, Provenance, Row, Settings, Way } from './row.ts'

// What a line of a results folder must be. Files may come from other machines, and from other days.

const number = z.number()
const count = z.int().min(0)
const text = z.string()
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const size = z.object({ width: number, height: number })
const box = z.object({ x: number, y: number, width: number, height: number })
const layers = z.union([z.array(count), z.literal('all')])

const question = z.object({
  id: text,
  image: z.discriminatedUnion('in', [
    z.object({ in: z.literal('folder'), id: text, name: text }),
    z.object({ in: z.literal('parquet'), id: text, shard: text, row: count }),
  ]),
  question: text,
  mapQuestion: text.nullable(),
  expected: z.discriminatedUnion('type', [
    z.object({ type: z.literal('answers'), answers: z.array(text) }),
    z.object({ type: z.literal('yes-no'), answer: z.enum(['yes', 'no']) }),
    z.object({ type: z.literal('choice'), options: z.array(text), correct: count }),
  ]),
  boxes: z.array(box),
  tags: z.record(text, text),
  isCounted: z.boolean(),
})

export const waySchema: z.ZodType<Way> = z.object({
  method: z.enum(['none', 'rel-att', 'grad-att', 'pure-grad', 'human', 'random', 'centre']),
  layers: layers.exactOptional(),
  connectorLayers: layers.exactOptional(),
  variant: z.enum(['paper', 'code']).exactOptional(),
  highRes: z.enum(['on', 'off']).exactOptional(),
  seed: number.exactOptional(),
  answerer: text.exactOptional(),
})

const asked = { key: hash, run: text, benchmark: text, question, model: text, way: waySchema }

const map = z.object({
  rows: count,
  columns: count,
  geometry: z.object({ source: size, view: box, grid: z.object({ rows: count, columns: count }) }),
  levels: z.base64(),
})

export const rowSchema: z.ZodType<Row> = z.object({
  ...asked,
  answer: text,
  score: z.object({ value: number.nullable(), read: text.nullable() }),
  image: size,
  crop: box.nullable(),
  cropReason: z.enum(['no signal', 'nothing to crop', 'method none', 'no box']).nullable(),
  map: map.nullable(),
  localisation: z
    .object({
      attentionRatio: number.nullable(),
      pointed: z.boolean().nullable(),
      covered: number.nullable(),
    })
    .nullable(),
  ratios: z.array(number.nullable()).exactOptional(),
  timings: z.record(text, number),
})

export const failedSchema: z.ZodType<FailedRow> = z.object({ ...asked, error: text })

export const settingsSchema: z.ZodType<Settings> = z.object({
  dtype: z.enum(['f32', 'f16', 'q8', 'q4']),
  prompt: z.enum(['plain', 'chat']),
  maxNewTokens: count,
  fit: z.enum(['crop', 'pad', 'stretch']).exactOptional(),
  maxPixels: count.exactOptional(),
})

export const provenanceSchema: z.ZodType<Provenance> = z.object({
  id: text,
  startedAt: text,
  versions: z.object({ vicrop: text, onnxruntime: text, node: text }),
  machine: z.object({ platform: text, cpu: text, threads: count, device: text }),
  model: z.object({
    name: text,
    hash,
    modelType: text,
    inputSize: number,
    layerCount: count,
    layers: z.array(count),
  }),
  settings: settingsSchema,
  benchmark: z.object({
    name: text,
    form: z.enum(['published', 'parquet']),
    questionCount: count,
    hash,
  }),
  ways: z.array(waySchema),
  answerer: text.exactOptional(),
})
