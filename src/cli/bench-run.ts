import { InvalidArgumentError } from 'commander'
import { type OpenBenchmark, openBenchmark } from '../bench/read/read-node.ts'
import { openResults } from '../bench/run/results-node.ts'
import { benchmarkNamed, checkDataFolder, requireHome } from './bench-data.ts'
import { withQueuePackages } from './bench-packages.ts'
import {
  type Counts,
  type Job,
  type JobFlags,
  type Model,
  type Planned,
  planFor,
  readModel,
  type WaysFor,
} from './bench-plan.ts'
import { grouped, labelledWithin } from './print.ts'
import { startProgress } from './progress.ts'

/** What one model did on one benchmark. */
export interface Summary extends Counts {
  readonly model: string
  readonly benchmark: string
  readonly total: number
  /** Answers that were there before. */
  readonly before: number
}

/** Says what was done. Sets the exit status 1 if some questions could not be asked. */
export function printSummaries(summaries: readonly Summary[], flags: JobFlags): void {
  process.stdout.write(`${flags.json ? toJson(summaries, flags) : toText(summaries, flags)}\n`)
  if (sumOf(summaries, 'failed') > 0) process.exitCode = 1
}

/** Asks every model every question in every way that has no answer yet. */
export async function runBenchmarks(
  names: readonly string[],
  flags: JobFlags,
  waysFor: WaysFor,
  signal: AbortSignal,
): Promise<Summary[]> {
  checkTogether(flags)
  if (flags.queue !== undefined) await loadQueue()
  const benchmarks = [...new Set(names)].map(benchmarkNamed)
  await checkDataFolder(flags.data)
  const homes = await Promise.all(benchmarks.map(benchmark => requireHome(benchmark, flags.data)))
  const progress = startProgress('reading the questions')
  try {
    const opened: OpenBenchmark[] = []
    for (const { benchmark, data } of homes) opened.push(await openBenchmark(benchmark, data))
    const summaries = await runModels(opened, { flags, waysFor, signal, progress })
    progress.stop()
    return summaries
  } catch (error) {
    progress.stop()
    if (signal.aborted)
      process.stderr.write(`vicrop: stopped. Run the same again to go on in ${flags.out}.\n`)
    throw error
  }
}

function checkTogether({ answerer, answererModel }: JobFlags): void {
  if ((answerer === undefined) !== (answererModel === undefined))
    throw new InvalidArgumentError('--answerer and --answerer-model: give both, or neither.')
}

/** All models are read before the first is asked: who mistyped the last of them hears of it at once. */
async function runModels(opened: readonly OpenBenchmark[], of: Omit<Job, 'results'>): Promise<Summary[]> {
  const { flags } = of
  const models: Model[] = []
  for (const model of flags.model ?? [undefined]) models.push(await readModel(model, of))
  const results = await openResults(flags.out, flags.shard ?? null)
  try {
    const summaries: Summary[] = []
    for (const model of models) {
      const job = { ...of, results }
      const planned = opened.map(open => planFor(model, open, job))
      const counts = await ask(planned, job)
      summaries.push(...planned.map((one, i) => summaryOf(one, counts[i] ?? { answered: 0, failed: 0 })))
    }
    return summaries
  } finally {
    await results.close()
  }
}

/** Nothing is opened, and nobody connected to, for what is done. */
async function ask(planned: readonly Planned[], job: Job): Promise<Counts[]> {
  if (planned.every(({ plan }) => plan.pending === 0)) return []
  return job.flags.queue === undefined
    ? (await import('./bench-here.ts')).askHere(planned, job)
    : (await loadQueue()).askElsewhere(planned, job)
}

const loadQueue = (): Promise<typeof import('./bench-queue.ts')> =>
  withQueuePackages(() => import('./bench-queue.ts'))

const summaryOf = ({ known, open, plan }: Planned, counts: Counts): Summary => {
  const { total, pending } = plan
  return { model: known.name, benchmark: open.benchmark.name, total, before: total - pending, ...counts }
}

const sumOf = (summaries: readonly Summary[], key: 'total' | 'before' | 'answered' | 'failed'): number =>
  summaries.reduce((sum, summary) => sum + summary[key], 0)

function toText(summaries: readonly Summary[], { out }: JobFlags): string {
  const lines = summaries.map(({ model, benchmark, total, before, answered, failed }): [string, string] => {
    const parts = [`${grouped(answered)} now`, `${grouped(before)} before`]
    const set = failed === 0 ? [] : [`${grouped(failed)} set aside`]
    return [`${benchmark}, ${model}`, `${grouped(total)} answers: ${[...parts, ...set].join(', ')}`]
  })
  const failed = sumOf(summaries, 'failed')
  if (failed > 0)
    lines.push([
      'set aside',
      `${grouped(failed)}, each with its error in ${out}; run again to try them again`,
    ])
  return labelledWithin([...lines, ['answers in', out]])
}

const toJson = (summaries: readonly Summary[], { out }: JobFlags): string =>
  JSON.stringify({ out, failed: sumOf(summaries, 'failed'), runs: summaries })
