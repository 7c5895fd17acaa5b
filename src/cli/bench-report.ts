import { access, constants } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { InvalidArgumentError } from 'commander'
import writeFileAtomic from 'write-file-atomic'
import type { ScorerName } from '../bench/benchmark.ts'
import { type OpenBenchmark, openBenchmark } from '../bench/read/read-node.ts'
import { findBenchmark } from '../bench/registry.ts'
import type { ReadPicture } from '../bench/report/cards-node.ts'
import { toCsv } from '../bench/report/csv.ts'
import { type Experiment, gather } from '../bench/report/experiment.ts'
import { toMarkdown } from '../bench/report/markdown.ts'
import { buildReport } from '../bench/report/report.ts'
import type { Report } from '../bench/report/table.ts'
import { readFailed, readRows, readRuns } from '../bench/run/results-node.ts'
import type { Provenance } from '../bench/run/row.ts'
import { studies } from '../bench/studies/registry.ts'
import type { Study } from '../bench/studies/study.ts'
import { type BenchFlags, checkDataFolder, homeOf } from './bench-data.ts'
import { startProgress } from './progress.ts'

export type ReportFormat = 'md' | 'csv' | 'html'

export interface ReportFlags extends BenchFlags {
  readonly scorer: ScorerName
  readonly format?: ReportFormat
  readonly out?: string
  /** How many questions of each outcome the page shows, of each benchmark. */
  readonly gallery: number
}

/** Makes tables of a results folder, and prints or writes them. */
export async function reportResults(folder: string, flags: ReportFlags): Promise<void> {
  const { out, data, json, scorer } = flags
  await checkDataFolder(data)
  if (out !== undefined) await requireWritable(out)
  const progress = startProgress(`reading ${folder}`)
  try {
    const results = await readResults(folder, scorer, studies)
    const text = json
      ? `${JSON.stringify(results.report)}\n`
      : await render(flags.format ?? formatOf(out), results, flags)
    progress.stop()
    if (out === undefined) process.stdout.write(text)
    else await write(out, text)
  } finally {
    progress.stop()
  }
}

const formatOf = (out: string | undefined): ReportFormat =>
  out?.endsWith('.html') ? 'html' : out?.endsWith('.csv') ? 'csv' : 'md'

/** A results folder as a report, with what a gallery is made of. */
interface Results {
  readonly folder: string
  readonly report: Report
  readonly experiments: readonly Experiment[]
  readonly runs: ReadonlyMap<string, Provenance>
}

/** @throws an error of one sentence if there is nothing to report */
export async function readResults(
  folder: string,
  scorer: ScorerName,
  chosen: readonly Study[],
): Promise<Results> {
  const runs = await readRuns(folder)
  const failed = await readFailed(folder)
  const gathered = await gather({ rows: readRows(folder), failed: failed.values(), runs }, scorer)
  const { experiments, notes } = gathered
  if (experiments.length === 0)
    throw new Error(`${folder}: has no answers to report. ${notes.join(' ') || 'Run a benchmark into it.'}`)
  return { folder, report: buildReport(gathered, [...runs.values()], chosen), experiments, runs }
}

export async function render(
  format: ReportFormat,
  { folder, report, experiments, runs }: Results,
  { data, gallery }: Pick<ReportFlags, 'data' | 'gallery'>,
): Promise<string> {
  if (format === 'md') return toMarkdown(report)
  if (format === 'csv') return toCsv(report)
  // Plots and pictures take a while to load, and only the page has any.
  const [{ readExamples }, { drawGallery }, { toHtml }] = await Promise.all([
    import('../bench/report/gallery.ts'),
    import('../bench/report/cards-node.ts'),
    import('../bench/report/page.ts'),
  ])
  const examples = await readExamples(experiments, gallery, readRows(folder), runs)
  return toHtml(report, await drawGallery(examples, pictureReader(data)))
}

/** Pictures of benchmarks, as far as they are below the data folder. */
function pictureReader(data: string | undefined): ReadPicture {
  const opened = new Map<string, Promise<OpenBenchmark | null>>()
  return async (name, image) => {
    const benchmark = opened.get(name) ?? openIfThere(name, data)
    opened.set(name, benchmark)
    return (await benchmark)?.readImage(image).catch(() => null) ?? null
  }
}

async function openIfThere(name: string, data: string | undefined): Promise<OpenBenchmark | null> {
  const home = await homeOf(findBenchmark(name), data)
  return home && openBenchmark(home.benchmark, home.data).catch(() => null)
}

/** Refuses, before anything is computed, what could not be written in the end. */
async function requireWritable(path: string): Promise<void> {
  // The slash makes sure that the folder is one.
  await access(`${dirname(path)}${sep}`, constants.W_OK).catch(error => {
    throw unwritable(path, error)
  })
}

/** The file appears complete or not at all. */
export async function write(path: string, text: string): Promise<void> {
  await writeFileAtomic(path, text).catch(error => {
    throw unwritable(path, error)
  })
}

const unwritable = (path: string, error: NodeJS.ErrnoException): Error =>
  new InvalidArgumentError(
    `${path}: cannot be written (${error.code ?? error.message}). Does the folder exist, and is there space?`,
  )
