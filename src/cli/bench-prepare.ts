import type { Benchmark } from '../bench/benchmark.ts'
import { locate, type OnDisk } from '../bench/files-node.ts'
import { type ImagesFound, type OpenBenchmark, openBenchmark } from '../bench/read-node.ts'
import { type BenchFlags, benchmarkNamed, checkDataFolder, requireHome } from './bench-data.ts'
import { grouped, labelledWithin } from './print.ts'
import { startProgress } from './progress.ts'

/** What there is of a benchmark: the JSON that is printed. */
interface Report {
  readonly name: string
  readonly data: string
  readonly form: OnDisk['form']
  readonly missingFiles: readonly string[]
  /** Files with boxes alone: questions can be asked without. */
  readonly missingBoxFiles: readonly string[]
  /** null when the files are not there. */
  readonly questions: {
    readonly found: number
    /** As the publisher counts; null if that is not known. */
    readonly expected: number | null
    readonly withBoxes: number
    /** In which the publisher's own score takes part. */
    readonly counted: number
  } | null
  readonly images: ImagesFound | null
  readonly problems: OpenBenchmark['problems']
  /** Whether nothing is missing that is needed to ask every question. */
  readonly isReady: boolean
}

/** Checks a benchmark's files and says what is missing. Sets the exit status 1 if it cannot be used as it is. */
export async function prepareBenchmark(name: string, flags: BenchFlags, signal: AbortSignal): Promise<void> {
  const benchmark = benchmarkNamed(name)
  await checkDataFolder(flags.data)
  const home = await requireHome(benchmark, flags.data)
  const progress = startProgress(`reading ${name}`)
  try {
    const report = await check(home.benchmark, home.data, () => progress.say('looking for pictures'))
    signal.throwIfAborted()
    progress.stop()
    process.stdout.write(`${flags.json ? JSON.stringify(report) : toText(report, benchmark)}\n`)
    if (!report.isReady) process.exitCode = 1
  } finally {
    progress.stop()
  }
}

async function check(benchmark: Benchmark, data: string, onImages: () => void): Promise<Report> {
  const onDisk = await locate(benchmark, data)
  const { form, missing: missingFiles, missingBoxes: missingBoxFiles } = onDisk
  const facts = { name: benchmark.name, data, form, missingFiles, missingBoxFiles }
  if (form === null) return { ...facts, questions: null, images: null, problems: [], isReady: false }
  const { questions, problems, findImages } = await openBenchmark(benchmark, data)
  onImages()
  const images = await findImages()
  const expected = benchmark.questionCount
  return {
    ...facts,
    questions: {
      found: questions.length,
      expected,
      withBoxes: questions.filter(({ boxes }) => boxes.length > 0).length,
      counted: questions.filter(({ isCounted }) => isCounted).length,
    },
    images,
    problems,
    isReady: questions.length > 0 && missingFiles.length === 0 && images.missing.length === 0,
  }
}

/** Of many missing or odd things, the first say what is wrong; --json has all. */
const mostShown = 10

function toText(report: Report, { metric }: Benchmark): string {
  const { name, data, form, missingFiles, missingBoxFiles, questions, images, problems, isReady } = report
  const lines: [string, string][] = [
    ['folder', data],
    ['files', form === null ? 'missing' : form === 'published' ? 'as published' : 'Parquet'],
    ...listed('missing', missingFiles),
    ...listed('no boxes', form === null ? [] : missingBoxFiles),
  ]
  if (questions !== null) {
    const { found, expected, withBoxes, counted } = questions
    const of = expected === null || expected === found ? '' : ` of ${grouped(expected)}`
    lines.push(['questions', `${grouped(found)}${of}, ${grouped(withBoxes)} with boxes`])
    if (counted < found) lines.push(['', `${grouped(counted)} count for the official score (${metric})`])
  }
  if (images !== null) {
    lines.push(['pictures', `${grouped(images.found)} found, ${grouped(images.missing.length)} missing`])
    lines.push(...listed('missing', images.missing))
  }
  lines.push(
    ...listed(
      'problems',
      problems.map(({ where, problem }) => `${where}: ${problem}`),
    ),
  )
  return `${name}: ${isReady ? 'ready' : 'not ready'}\n${labelledWithin(lines, 2)}`
}

function listed(label: string, all: readonly string[]): [string, string][] {
  const shown = all.slice(0, mostShown).map((text, i): [string, string] => [i === 0 ? label : '', text])
  const more = all.length - shown.length
  return more > 0 ? [...shown, ['', `and ${grouped(more)} more: --json names all`]] : shown
}
