import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Answer, Look } from '../picture.ts'
import type { Pictures } from './pictures.ts'
import type { Work } from './work.ts'

export interface Metrics {
  /** All of them, as Prometheus reads them. */
  text(): Promise<string>
  responded(route: string, status: number, seconds: number): void
  lookFailed(): void
  /** @param wasKept whether the picture had been encoded for an earlier request */
  looked(look: Look | Answer<string | null>, wasKept: boolean): void
}

const seconds = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300]

export function makeMetrics(work: Work, pictures: Pictures): Metrics {
  const register = new Registry()
  const registers = [register]
  collectDefaultMetrics({ register })
  const requests = new Histogram({
    name: 'vicrop_request_seconds',
    help: 'From a request to the end of its response.',
    labelNames: ['route', 'status'],
    buckets: seconds,
    registers,
  })
  const stages = new Histogram({
    name: 'vicrop_stage_seconds',
    help: 'What the stages of a question took.',
    labelNames: ['stage'],
    buckets: seconds,
    registers,
  })
  const looks = new Counter({
    name: 'vicrop_looks_total',
    help: 'Looks, by method, and by whether they gave a crop or why not.',
    labelNames: ['method', 'outcome'],
    registers,
  })
  const tokens = new Counter({
    name: 'vicrop_tokens_total',
    help: 'Tokens of prompts, pictures included, and of answers.',
    labelNames: ['of'],
    registers,
  })
  for (const [name, help, value] of gaugesOf(work, pictures))
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value())
      },
    })
  return {
    text: () => register.metrics(),
    responded: (route, status, took) => requests.observe({ route, status }, took),
    lookFailed: () => looks.inc({ method: 'any', outcome: 'failed' }),
    looked(look, wasKept) {
      looks.inc({ method: look.method, outcome: look.cropReason ?? 'crop' })
      const { encodeMs, ...others } = look.timings
      const timings = wasKept ? others : look.timings
      for (const [stage, ms] of Object.entries(timings))
        stages.observe({ stage: stage.replace(/Ms$/, '') }, ms / 1000)
      if (!('usage' in look)) return
      tokens.inc({ of: 'prompt' }, look.usage.promptTokens)
      tokens.inc({ of: 'answer' }, look.usage.answerTokens)
    },
  }
}

type GaugeOf = [name: string, help: string, value: () => number]

const gaugesOf = (work: Work, pictures: Pictures): GaugeOf[] => [
  ['vicrop_requests_waiting', 'Requests taken in that the model does not work at.', () => work.waiting],
  ['vicrop_requests_running', 'Requests that the model works at.', () => work.running],
  ['vicrop_pictures', 'Pictures kept encoded.', () => pictures.count],
  ['vicrop_picture_bytes', 'Bytes of these, as far as they are counted.', () => pictures.bytes],
  ['vicrop_pictures_encoded', 'Pictures that were encoded so far.', () => pictures.found.encoded],
  ['vicrop_pictures_reused', 'How often a picture was there already.', () => pictures.found.kept],
]
