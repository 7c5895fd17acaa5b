import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { wayKey } from '../bench/report/ways.ts'
import { answerer as answererStudy } from '../bench/studies/answerer.ts'
import { findStudy, studies } from '../bench/studies/registry.ts'
import type { Study } from '../bench/studies/study.ts'
import type { JobFlags, WaysFor } from './bench-plan.ts'
import { type ReportFlags, readResults, render, write } from './bench-report.ts'
import { printSummaries, runBenchmarks, type Summary } from './bench-run.ts'
import { labelledWithin } from './print.ts'
import { startProgress } from './progress.ts'

export interface StudiesFlags extends Omit<JobFlags, 'out'>, Pick<ReportFlags, 'scorer' | 'gallery'> {
  readonly out?: string
  readonly only?: readonly string[]
}

/** Asks what the studies need, as far as it was not asked before, and reports on all that is in the folder. */
export async function runStudies(
  names: readonly string[],
  { only, out, ...flags }: StudiesFlags,
  signal: AbortSignal,
): Promise<void> {
  const chosen = only === undefined ? studies : only.map(studyNamed)
  if (names.length === 0) {
    print(chosen)
    return
  }
  if (out === undefined)
    throw new InvalidArgumentError('--out: answers and report go somewhere. Name a folder: --out FOLDER.')
  printSummaries(await askAll(names, chosen, { ...flags, out }, signal), { ...flags, out })
  const progress = startProgress('making the report')
  try {
    const results = await readResults(out, flags.scorer, chosen)
    for (const format of ['html', 'md', 'csv'] as const)
      await write(join(out, `report.${format}`), await render(format, results, flags))
  } finally {
    progress.stop()
  }
  if (!flags.json)
    process.stdout.write(`report in ${join(out, 'report.html')}, and as report.md and report.csv\n`)
}

/** What another model is to answer in place of the one that looks, and what that one answers itself. */
async function askAll(
  names: readonly string[],
  chosen: readonly Study[],
  flags: JobFlags,
  signal: AbortSignal,
): Promise<Summary[]> {
  const { answerer, answererModel, ...own } = flags
  const isAnswered = answerer !== undefined || answererModel !== undefined
  const answered =
    isAnswered && chosen.includes(answererStudy)
      ? await runBenchmarks(names, flags, waysFor([answererStudy], [answererModel ?? '']), signal)
      : []
  const ratios = chosen.some(({ needsRatios }) => needsRatios)
  const asked = await runBenchmarks(names, { ...own, ...(ratios && { ratios }) }, waysFor(chosen, []), signal)
  return [...answered, ...asked]
}

function studyNamed(name: string): Study {
  try {
    return findStudy(name)
  } catch (error) {
    throw new InvalidArgumentError(`--only: ${(error as Error).message}`)
  }
}

/** What several studies need of a benchmark, each way once. */
const waysFor =
  (chosen: readonly Study[], answerers: readonly string[]): WaysFor =>
  async () =>
  benchmark => {
    const ways = chosen.flatMap(study => study.ways({ benchmark, answerers }))
    return [...new Map(ways.map(way => [wayKey(way), way])).values()]
  }

const print = (chosen: readonly Study[]): void => {
  process.stdout.write(`${labelledWithin(chosen.map(({ name, shows }) => [name, shows]))}\n`)
}
