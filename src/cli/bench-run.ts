import { InvalidArgumentError } from 'commander'
import { answererAt } from '../bench/answerer-node.ts'
import type { Answerer } from '../bench/ask-in-ways.ts'
import { type KnownModel, knowModel, newRun } from '../bench/facts-node.ts'
import { keysOf } from '../bench/key-node.ts'
import { type Plan, planOf } from '../bench/plan.ts'
import { type OpenBenchmark, openBenchmark } from '../bench/read-node.ts'
import { openResults, type Results } from '../bench/results-node.ts'
import type { Settings, Way } from '../bench/row.ts'
import { runTasks } from '../bench/run-node.ts'
import { ViCrop } from '../vicrop.ts'
import type { RunFlags } from './bench.ts'
import { benchmarkNamed, checkDataFolder, requireHome } from './bench-data.ts'
import { waysOf } from './bench-ways.ts'
import { openOptions } from './options.ts'
import { grouped, labelledWithin } from './print.ts'
import { bar, openingLine, type Progress, paceOf, startProgress } from './progress.ts'

/** What one model did on one benchmark, in answers: a question counts once for each way. */
interface Summary extends Counts {
  readonly model: string
  readonly benchmark: string
  readonly total: number
  /** Those that were there before. */
  readonly before: number
}

interface Counts {
  readonly answered: number
  readonly failed: number
}

interface Job {
  readonly flags: RunFlags
  readonly signal: AbortSignal
  readonly opened: readonly OpenBenchmark[]
  readonly results: Results
  readonly progress: Progress
}

/** A model, and how it is to be asked. */
interface Model {
  readonly idOrFolder: string | undefined
  readonly known: KnownModel
  readonly ways: readonly Way[]
}

/** What one model is to be asked of one benchmark. */
interface Planned extends Model {
  readonly open: OpenBenchmark
  readonly settings: Settings
  readonly plan: Plan
}

/** The paper's limit for an answer, in tokens. */
const maxNewTokens = 20

/** Asks every model every question in every way that has no answer yet. Sets the exit status 1 if some could not be asked. */
export async function runBenchmarks(
  names: readonly string[],
  flags: RunFlags,
  signal: AbortSignal,
): Promise<void> {
  if ((flags.answerer === undefined) !== (flags.answererModel === undefined))
    throw new InvalidArgumentError('--answerer and --answerer-model: give both, or neither.')
  const benchmarks = [...new Set(names)].map(benchmarkNamed)
  await checkDataFolder(flags.data)
  const homes = await Promise.all(benchmarks.map(benchmark => requireHome(benchmark, flags.data)))
  const progress = startProgress('reading the questions')
  const summaries: Summary[] = []
  try {
    const opened: OpenBenchmark[] = []
    for (const { benchmark, data } of homes) opened.push(await openBenchmark(benchmark, data))
    const models: Model[] = []
    for (const model of flags.model ?? [undefined]) models.push(await know(model, flags, signal, progress))
    const results = await openResults(flags.out, flags.shard ?? null)
    try {
      const job = { flags, signal, opened, results, progress }
      for (const model of models) summaries.push(...(await runModel(model, job)))
    } finally {
      await results.close()
    }
  } catch (error) {
    progress.stop()
    if (signal.aborted)
      process.stderr.write(`vicrop: stopped. Run the same again to go on in ${flags.out}.\n`)
    throw error
  }
  progress.stop()
  process.stdout.write(`${flags.json ? toJson(summaries, flags) : toText(summaries, flags)}\n`)
  if (summaries.some(({ failed }) => failed > 0)) process.exitCode = 1
}

async function know(
  idOrFolder: string | undefined,
  flags: RunFlags,
  signal: AbortSignal,
  progress: Progress,
): Promise<Model> {
  progress.say('reading the model')
  const known = await knowModel(idOrFolder, {
    ...openOptions(flags),
    signal,
    onProgress: done => progress.say(openingLine(done)),
  })
  return { idOrFolder, known, ways: await waysOf(flags, known) }
}

async function runModel(model: Model, job: Job): Promise<Summary[]> {
  const { flags, signal, progress, opened } = job
  const planned = opened.map(open => planFor(model, open, job))
  if (planned.every(({ plan }) => plan.pending === 0))
    return planned.map(one => summaryOf(one, { answered: 0, failed: 0 }))
  progress.say('opening the model')
  await using vicrop = await ViCrop.open(model.idOrFolder, {
    ...openOptions(flags),
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    signal,
    onProgress: done => progress.say(openingLine(done)),
  })
  const summaries: Summary[] = []
  for (const one of planned) summaries.push(summaryOf(one, await askHere(one, vicrop, job)))
  return summaries
}

function planFor(model: Model, open: OpenBenchmark, { flags, results }: Job): Planned {
  const settings = settingsOf(flags)
  const { limit, shard = null, ratios = false } = flags
  const { name } = open.benchmark
  const plan = planOf(open.questions, {
    ways: model.ways,
    limit,
    shard,
    keysOf: question => keysOf({ benchmark: name, question, model: model.known.hash, settings }),
    isDone(key, { boxes }) {
      const done = results.done.get(key)
      return done !== undefined && (!ratios || done.hasRatios || boxes.length === 0)
    },
  })
  return { ...model, open, settings, plan }
}

const settingsOf = ({ dtype, prompt, fit, maxPixels }: RunFlags): Settings => ({
  dtype,
  prompt,
  maxNewTokens,
  ...(fit === undefined ? {} : { fit }),
  ...(maxPixels === undefined ? {} : { maxPixels }),
})

/** Asks the questions on this machine. */
async function askHere(planned: Planned, vicrop: ViCrop, job: Job): Promise<Counts> {
  const { known, open, settings, ways, plan } = planned
  const { flags, signal, results, progress } = job
  const counts = { answered: 0, failed: 0 }
  if (plan.pending === 0) return counts
  const run = newRun(known, open, settings, ways, {
    device: flags.device,
    threads: flags.threads,
    answerer: flags.answerer,
  })
  await results.describe(run)
  const show = showing(planned, progress)
  await runTasks({
    run: run.id,
    model: known.name,
    open,
    tasks: plan.tasks,
    asker: { vicrop, answerer: answererOf(flags), maxNewTokens, ratios: flags.ratios ?? false, signal },
    results,
    parallel: flags.answerer === undefined ? 1 : flags.parallel,
    onAnswers({ rows, failed }) {
      counts.answered += rows.length
      counts.failed += failed.length
      show(counts)
    },
  })
  return counts
}

function answererOf({ answerer: url, answererModel: model }: RunFlags): Answerer | null {
  if (url === undefined || model === undefined) return null
  return answererAt({ url, model, key: process.env.VICROP_ANSWERER_KEY || null })
}

/** Says how far one model is on one benchmark. */
function showing({ known, open, plan }: Planned, progress: Progress): (counts: Counts) => void {
  const { total, pending } = plan
  const start = performance.now()
  return ({ answered, failed }) => {
    const now = answered + failed
    const done = total - pending + now
    const counted = `${grouped(done)} of ${grouped(total)} answers ${bar(done, total)}`
    const pace = paceOf(now, pending - now, performance.now() - start)
    progress.say(`${open.benchmark.name}, ${known.name}: ${counted}, ${pace}`)
  }
}

const summaryOf = ({ known, open, plan }: Planned, counts: Counts): Summary => {
  const { total, pending } = plan
  return { model: known.name, benchmark: open.benchmark.name, total, before: total - pending, ...counts }
}

const sumOf = (summaries: readonly Summary[], key: 'total' | 'before' | 'answered' | 'failed'): number =>
  summaries.reduce((sum, summary) => sum + summary[key], 0)

function toText(summaries: readonly Summary[], { out }: RunFlags): string {
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

const toJson = (summaries: readonly Summary[], { out }: RunFlags): string =>
  JSON.stringify({ out, failed: sumOf(summaries, 'failed'), runs: summaries })
