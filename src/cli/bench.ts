import { Command } from 'commander'
import type { BenchFlags } from './bench-data.ts'

/** Where the benchmarks are, for who does not say so on each call. */
const variable = 'VICROP_DATA'

/** `vicrop bench list | prepare`. */
export function benchCommand(signal: AbortSignal): Command {
  const bench = new Command('bench').description(
    "The paper's benchmarks: where to get them, and whether they are complete",
  )
  withData(bench.command('list'))
    .description('List the benchmarks: source, licence, size, and what is on disk')
    .option('--json', 'print one JSON object a benchmark, and nothing else')
    .action(async (flags: BenchFlags) =>
      (await import('./bench-list.ts')).listBenchmarks({ ...flags, ...dataFolder(flags) }),
    )
  withData(bench.command('prepare'))
    .description("Check a benchmark's files: ends with 1 if something is missing")
    .argument('<name>', 'as "vicrop bench list" calls it')
    .option('--json', 'print one JSON object, and nothing else')
    .action(async (name: string, flags: BenchFlags) =>
      (await import('./bench-prepare.ts')).prepareBenchmark(name, { ...flags, ...dataFolder(flags) }, signal),
    )
  return bench
}

const withData = (command: Command): Command =>
  command.option('--data <folder>', `the folder with a folder for each benchmark (default: $${variable})`)

function dataFolder({ data }: BenchFlags): { data?: string } {
  const folder = data ?? process.env[variable]
  return folder === undefined || folder === '' ? {} : { data: folder }
}
