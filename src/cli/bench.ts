import { Command } from 'commander'

export interface BenchFlags {
  readonly data?: string
  readonly json?: true
}

/** Where the benchmarks are, for who does not say so on each call. */
const variable = 'VICROP_DATA'

export function benchCommand(signal: AbortSignal): Command {
  return new Command('bench')
    .description("The paper's benchmarks: where to get them, and whether they are complete")
    .addCommand(
      withFlags(new Command('list'))
        .description('List the benchmarks: source, licence, size, and what is on disk')
        .action(async (flags: BenchFlags) => {
          const { listBenchmarks } = await import('./bench-list.ts')
          return listBenchmarks({ ...flags, ...dataFolder(flags) })
        }),
    )
    .addCommand(
      withFlags(new Command('prepare'))
        .description("Check a benchmark's files: ends with 1 if something is missing")
        .argument('<name>', 'as "vicrop bench list" calls it')
        .action(async (name: string, flags: BenchFlags) => {
          const { prepareBenchmark } = await import('./bench-prepare.ts')
          return prepareBenchmark(name, { ...flags, ...dataFolder(flags) }, signal)
        }),
    )
}

const withFlags = (command: Command): Command =>
  command
    .option('--data <folder>', `the folder with a folder for each benchmark (default: $${variable})`)
    .option('--json', 'print one JSON value, and nothing else')

function dataFolder({ data }: BenchFlags): { data?: string } {
  const folder = data ?? process.env[variable]
  return folder === undefined || folder === '' ? {} : { data: folder }
}
