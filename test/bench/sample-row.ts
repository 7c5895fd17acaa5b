import { createHash } from 'node:crypto'
import type { Question } from '../../src/bench/question.ts'
import type { FailedRow, Provenance, Row } from '../../src/bench/row.ts'

export const question: Question = {
  id: '7',
  image: { in: 'folder', id: 'p', name: 'p.png' },
  question: 'What does the sign say?',
  mapQuestion: null,
  expected: { type: 'answers', answers: ['stop'] },
  boxes: [{ x: 1, y: 2, width: 3.5, height: 4 }],
  tags: { size: 'small' },
  isCounted: true,
}

/** A key of its own for each name. */
export const keyNamed = (name: string): string => createHash('sha256').update(name).digest('hex')

export const rowNamed = (name: string, more: Partial<Row> = {}): Row => ({
  key: keyNamed(name),
  run: 'r1',
  benchmark: 'demo',
  question,
  model: 'demo',
  way: { method: 'rel-att', layers: [1, 2] },
  answer: `${name}: “stop”\u2028`,
  score: { value: 1, read: 'stop' },
  image: { width: 40, height: 30 },
  crop: { x: 0, y: 0, width: 20, height: 20 },
  cropReason: null,
  map: {
    rows: 1,
    columns: 2,
    geometry: {
      source: { width: 40, height: 30 },
      view: { x: 0, y: 0, width: 40, height: 30 },
      grid: { rows: 1, columns: 2 },
    },
    levels: 'AP8=',
  },
  localisation: { attentionRatio: 1.5, pointed: true, covered: 0.25 },
  timings: { encodeMs: 1.25 },
  ...more,
})

export function failedNamed(name: string, error = 'its picture is broken'): FailedRow {
  const { key, run, benchmark, question, model, way } = rowNamed(name)
  return { key, run, benchmark, question, model, way, error }
}

export const runNamed = (id: string): Provenance => ({
  id,
  startedAt: '2026-11-27T08:00:00.000Z',
  versions: { vicrop: '0.1.0', onnxruntime: '1.30.0', node: 'v20.20.2' },
  machine: { platform: 'linux x64', cpu: 'a cpu', threads: 2, device: 'cpu' },
  model: {
    name: 'demo',
    hash: keyNamed('model'),
    modelType: 'llava',
    inputSize: 80,
    layerCount: 4,
    layers: [1],
  },
  settings: { dtype: 'f32', prompt: 'plain', maxNewTokens: 20 },
  benchmark: { name: 'demo', form: 'published', questionCount: 1, hash: keyNamed('questions') },
  ways: [{ method: 'rel-att', layers: [1, 2] }],
})
