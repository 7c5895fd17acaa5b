import type { Answerer } from '../bench/run/ask-in-ways.ts'
import { newRun } from '../bench/run/facts-node.ts'
import { runTasks } from '../bench/run/run-node.ts'
import { ViCrop } from '../vicrop.ts'
import { answererBy } from './bench-answerer.ts'
import { type Counts, counting, type Job, type JobFlags, type Planned } from './bench-plan.ts'
import { openOptions } from './options.ts'
import { openingLine } from './progress.ts'

/** Asks one model all that is planned, on this machine. */
export async function askHere(planned: readonly Planned[], job: Job): Promise<Counts[]> {
  const { flags, signal, progress } = job
  progress.say('opening the model')
  await using vicrop = await ViCrop.open(planned[0]?.idOrFolder, {
    ...openOptions(flags),
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    signal,
    onProgress: done => progress.say(openingLine(done)),
  })
  const counts: Counts[] = []
  for (const one of planned) counts.push(await askOne(one, vicrop, job))
  return counts
}

async function askOne(planned: Planned, vicrop: ViCrop, job: Job): Promise<Counts> {
  const { known, open, settings, ways, plan } = planned
  const { flags, signal, results, progress } = job
  const { counts, onAnswers } = counting(planned, progress)
  if (plan.pending === 0) return counts
  const { device, threads, answerer, parallel, ratios = false } = flags
  const run = newRun(known, open, settings, ways, { device, threads, answerer })
  await results.describe(run)
  await runTasks({
    run: run.id,
    model: known.name,
    open,
    tasks: plan.tasks,
    asker: { vicrop, answerer: answererOf(flags), maxNewTokens: settings.maxNewTokens, ratios, signal },
    results,
    parallel: answerer === undefined ? 1 : parallel,
    onAnswers,
  })
  return counts
}

const answererOf = ({ answerer: url, answererModel: model }: JobFlags): Answerer | null =>
  url === undefined || model === undefined ? null : answererBy(url, model)
