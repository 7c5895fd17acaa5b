import type { Benchmark } from '../bench/benchmark.ts'
import type { OpenBenchmark } from '../bench/read/read-node.ts'
import { type KnownModel, knowModel } from '../bench/run/facts-node.ts'
import { keysOf } from '../bench/run/key-node.ts'
import { type Plan, planOf, type Shard } from '../bench/run/plan.ts'
import type { Results } from '../bench/run/results-node.ts'
import type { Settings, Way } from '../bench/run/row.ts'
import type { Answers } from '../bench/run/run-node.ts'
import type { BenchFlags } from './bench-data.ts'
import { type OpenFlags, openOptions } from './options.ts'
import { grouped } from './print.ts'
import { bar, openingLine, type Progress, paceOf } from './progress.ts'

/** Of all that asks models questions of benchmarks. */
export interface JobFlags extends BenchFlags, OpenFlags {
  readonly out: string
  readonly model?: readonly string[]
  readonly limit?: number
  readonly shard?: Shard
  readonly threads?: number
  readonly ratios?: boolean
  readonly answerer?: string
  readonly answererModel?: string
  readonly parallel: number
  readonly queue?: string
}

/** The ways in which a model is to be asked the questions of each benchmark. */
export type WaysFor = (model: KnownModel) => Promise<(benchmark: Benchmark) => readonly Way[]>

/** All that a run works with. */
export interface Job {
  readonly flags: JobFlags
  readonly waysFor: WaysFor
  readonly signal: AbortSignal
  readonly results: Results
  readonly progress: Progress
}

/** A model, and how it is to be asked. */
export interface Model {
  readonly idOrFolder: string | undefined
  readonly known: KnownModel
  readonly waysFor: (benchmark: Benchmark) => readonly Way[]
}

/** What one model is to be asked of one benchmark. */
export interface Planned extends Model {
  readonly open: OpenBenchmark
  readonly settings: Settings
  readonly ways: readonly Way[]
  readonly plan: Plan
}

/** Answers of a run: a question counts once for each way. */
export interface Counts {
  answered: number
  failed: number
}

/** The paper's limit for an answer, in tokens. */
const maxNewTokens = 20

export async function readModel(
  idOrFolder: string | undefined,
  { flags, waysFor, signal, progress }: Omit<Job, 'results'>,
): Promise<Model> {
  progress.say('reading the model')
  const known = await knowModel(idOrFolder, {
    ...openOptions(flags),
    signal,
    onProgress: done => progress.say(openingLine(done)),
  })
  return { idOrFolder, known, waysFor: await waysFor(known) }
}

export function planFor(model: Model, open: OpenBenchmark, { flags, results }: Job): Planned {
  const settings = settingsOf(flags)
  const { limit, shard = null, ratios = false } = flags
  const { name } = open.benchmark
  const ways = model.waysFor(open.benchmark)
  const plan = planOf(open.questions, {
    ways,
    limit,
    shard,
    keysOf: question => keysOf({ benchmark: name, question, model: model.known.hash, settings }),
    isDone(key, { boxes }) {
      const done = results.done.get(key)
      return done !== undefined && (!ratios || done.hasRatios || boxes.length === 0)
    },
  })
  return { ...model, open, settings, ways, plan }
}

const settingsOf = ({ dtype, prompt, fit, maxPixels }: JobFlags): Settings => ({
  dtype,
  prompt,
  maxNewTokens,
  ...(fit === undefined ? {} : { fit }),
  ...(maxPixels === undefined ? {} : { maxPixels }),
})

/** Counts the answers that come, and says how far it is. */
export function counting(
  { known, open, plan }: Planned,
  progress: Progress,
): { readonly counts: Counts; readonly onAnswers: (answers: Answers) => void } {
  const { total, pending } = plan
  const title = `${open.benchmark.name}, ${known.name}`
  const counts = { answered: 0, failed: 0 }
  const start = performance.now()
  if (pending > 0) progress.say(`${title}: ${grouped(pending)} answers to come`)
  const onAnswers = ({ rows, failed }: Answers): void => {
    counts.answered += rows.length
    counts.failed += failed.length
    const now = counts.answered + counts.failed
    const done = total - pending + now
    const counted = `${grouped(done)} of ${grouped(total)} answers ${bar(done, total)}`
    progress.say(`${title}: ${counted}, ${paceOf(now, pending - now, performance.now() - start)}`)
  }
  return { counts, onAnswers }
}
