import { Command, Option } from 'commander'
import type { Shard } from '../bench/run/plan.ts'
import type { BenchFlags } from './bench-data.ts'
import { withQueuePackages } from './bench-packages.ts'
import type { JobFlags, WaysFor } from './bench-plan.ts'
import type { ReportFlags, ReportFormat } from './bench-report.ts'
import type { StudiesFlags } from './bench-studies.ts'
import { parseMethods, type WayFlags, waysOf } from './bench-ways.ts'
import type { WorkerFlags } from './bench-worker.ts'
import { collect, deviceOption, parseCount, usage, withMapOptions, withOpenOptions } from './options.ts'

type RunFlags = JobFlags & WayFlags

const reportFormats: readonly ReportFormat[] = ['md', 'csv', 'html']

/** Where the benchmarks are, for who does not say so on each call. */
const variable = 'VICROP_DATA'

/** `vicrop bench list | prepare | run | worker | studies | report`. */
export function benchCommand(signal: AbortSignal): Command {
  const bench = new Command('bench').description(
    "The paper's benchmarks: where to get them, and their answers",
  )
  withData(bench.command('list'))
    .description('List the benchmarks and what is on disk; of one, its source, licence, size and score')
    .argument('[name]', 'the one to say all about')
    .option('--json', 'print one JSON object a benchmark, and nothing else')
    .action(async (name: string | undefined, flags: BenchFlags) =>
      (await import('./bench-list.ts')).listBenchmarks(name, { ...flags, ...dataFolder(flags) }),
    )
  withData(bench.command('prepare'))
    .description("Check a benchmark's files: ends with 1 if something is missing")
    .argument('<name>', 'as "vicrop bench list" calls it')
    .option('--json', 'print one JSON object, and nothing else')
    .action(async (name: string, flags: BenchFlags) =>
      (await import('./bench-prepare.ts')).prepareBenchmark(name, { ...flags, ...dataFolder(flags) }, signal),
    )
  withRunOptions(bench.command('run')).action(async (names: string[], flags: RunFlags) => {
    const waysFor: WaysFor = async model => {
      const ways = await waysOf(flags, model)
      return () => ways
    }
    const { printSummaries, runBenchmarks } = await import('./bench-run.ts')
    const summaries = await runBenchmarks(names, { ...flags, ...dataFolder(flags) }, waysFor, signal)
    printSummaries(summaries, flags)
  })
  withWorkerOptions(bench.command('worker')).action(async (flags: WorkerFlags) => {
    const { workForRuns } = await withQueuePackages(() => import('./bench-worker.ts'))
    return workForRuns({ ...flags, ...dataFolder(flags) }, signal)
  })
  withStudiesOptions(bench.command('studies')).action(async (names: string[], flags: StudiesFlags) =>
    (await import('./bench-studies.ts')).runStudies(names, { ...flags, ...dataFolder(flags) }, signal),
  )
  withReportOptions(bench.command('report')).action(async (folder: string, flags: ReportFlags) =>
    (await import('./bench-report.ts')).reportResults(folder, { ...flags, ...dataFolder(flags) }),
  )
  return bench
}

function withRunOptions(command: Command): Command {
  command
    .description(
      'Ask models the questions of benchmarks. Interrupted or killed, it goes on when run again; ends with 1 if a question could not be asked',
    )
    .argument('<name...>', 'as "vicrop bench list" calls them')
    .requiredOption('--out <folder>', 'where the answers go: rows.jsonl, failed.jsonl, runs/')
    .addOption(
      new Option('--methods <list>', 'none, rel-att, grad-att, pure-grad, human, random, centre')
        .argParser(usage(parseMethods))
        .default(['none', 'rel-att'], 'none,rel-att'),
    )
  withMapOptions(command)
    .option('--ratios', "measure each layer's attention ratio too, where a question has boxes")
    .addOption(new Option('--seed <n>', 'of the random squares').argParser(usage(parseCount)).default(1))
  return withJobOptions(command)
}

function withStudiesOptions(command: Command): Command {
  command
    .description(
      "Repeat the paper's studies: ask all that they need, as run does, and report. Without benchmarks: list the studies",
    )
    .argument('[name...]', 'benchmarks, as "vicrop bench list" calls them')
    .option('--out <folder>', 'where answers and report go: report.html, report.md, report.csv')
    .option('--only <studies>', 'these alone, such as size,attention (default: all)', text => text.split(','))
  return withJobOptions(withScoring(command))
}

/** Of all that asks models questions of benchmarks. */
function withJobOptions(command: Command): Command {
  withData(command)
    .option('-m, --model <id|folder>', 'a checkpoint (repeat it; default: the demo model)', collect)
    .option('--limit <n>', 'the first n questions of each benchmark only', usage(parseCount))
    .option(
      '--shard <i/n>',
      'one of n parts, from 1/n to n/n; several may go into one folder',
      usage(parseShard),
    )
  return withOpenOptions(command)
    .option('--threads <n>', 'threads inside one operator (default: one a core)', usage(parseCount))
    .option(
      '--answerer <url>',
      'an OpenAI-compatible API that answers from picture and crop, where the model looks; its key: VICROP_ANSWERER_KEY',
      usage(parseUrl),
    )
    .option('--answerer-model <name>', 'the model that it shall answer with')
    .addOption(
      new Option('--parallel <n>', 'questions that it is asked at once')
        .argParser(usage(parseCount))
        .default(4),
    )
    .option(
      '--queue <url>',
      'have "vicrop bench worker" on many machines answer, by way of a Redis server, redis://HOST:PORT',
      usage(parseQueue),
    )
    .option('--json', 'print one JSON object at the end, and nothing else')
}

function withWorkerOptions(command: Command): Command {
  return withData(command)
    .description(
      'Answer questions that "vicrop bench run --queue" asks, until interrupted; as many at once as there are machines',
    )
    .requiredOption('--queue <url>', 'the Redis server, redis://HOST:PORT', usage(parseQueue))
    .option('-m, --model <id|folder>', 'where the checkpoint is here (default: what the run calls it)')
    .addOption(deviceOption())
    .option('--threads <n>', 'threads inside one operator (default: one a core)', usage(parseCount))
    .option(
      '--answerer <url>',
      'the only answerer of runs that VICROP_ANSWERER_KEY is sent to, if that is set',
      usage(parseUrl),
    )
}

function withReportOptions(command: Command): Command {
  command
    .description('Make tables, and a page with plots and pictures, of what "bench run" wrote')
    .argument('<folder>', 'where the answers are')
    .addOption(
      new Option(
        '--format <name>',
        'md, csv or html (default: as the file to write is called, or md)',
      ).choices(reportFormats),
    )
    .option('--out <file>', 'write it there (default: print it)')
  return withData(withScoring(command)).option(
    '--json',
    'print the tables as one JSON object, and nothing else',
  )
}

const withScoring = (command: Command): Command =>
  command
    .addOption(
      new Option('--scorer <name>', "whose score: the benchmark's owners', or that of the paper's code")
        .choices(['official', 'code'])
        .default('official'),
    )
    .addOption(
      new Option('--gallery <n>', 'how many questions of each outcome the page shows')
        .argParser(usage(parseCount))
        .default(8),
    )

const withData = (command: Command): Command =>
  command.option('--data <folder>', `the folder with a folder for each benchmark (default: $${variable})`)

function dataFolder({ data }: BenchFlags): { data?: string } {
  const folder = data ?? process.env[variable]
  return folder === undefined || folder === '' ? {} : { data: folder }
}

function parseShard(text: string): Shard {
  const [part, of] = (/^(\d{1,6})\/(\d{1,6})$/.exec(text)?.slice(1) ?? []).map(Number)
  if (part !== undefined && of !== undefined && part >= 1 && part <= of) return { part, of }
  throw new Error(`"${text}" is no part of a whole. Give one such as 1/4.`)
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && /^https?:$/.test(url.protocol) && url.username === '') return url.href
  throw new Error(`"${text}" is no address. Give one such as https://api.openai.com/v1.`)
}

function parseQueue(text: string): string {
  if (URL.canParse(text) && /^rediss?:$/.test(new URL(text).protocol)) return text
  throw new Error('that is no address of a Redis server. Give one such as redis://localhost:6379.')
}
