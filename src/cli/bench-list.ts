import type { Benchmark } from '../bench/benchmark.ts'
import { locate, type OnDisk } from '../bench/files-node.ts'
import { benchmarks } from '../bench/registry.ts'
import { type BenchFlags, benchmarkNamed, checkDataFolder, homeOf } from './bench-data.ts'
import { grouped, labelled, labelledWithin } from './print.ts'

interface Listed {
  readonly benchmark: Benchmark
  /** null where nobody said where to look. */
  readonly onDisk: OnDisk | null
}

/** Prints a line for each benchmark, or all that there is to know about one. */
export async function listBenchmarks(name: string | undefined, { data, json }: BenchFlags): Promise<void> {
  const chosen = name === undefined ? benchmarks : [benchmarkNamed(name)]
  await checkDataFolder(data)
  const listed = await Promise.all(
    chosen.map(async (benchmark): Promise<Listed> => {
      const home = await homeOf(benchmark, data)
      return { benchmark, onDisk: home && (await locate(home.benchmark, home.data)) }
    }),
  )
  process.stdout.write(`${json ? listed.map(toJson).join('\n') : toText(listed, name === undefined)}\n`)
}

const toJson = ({ benchmark, onDisk }: Listed): string => {
  const { name, title, licence, size, sources, questionCount, imageCount, metric, scorers } = benchmark
  const facts = { name, title, licence, size, sources, questionCount, imageCount, metric }
  const scorerNames = scorers.code === null ? ['official'] : ['official', 'code']
  return JSON.stringify({ ...facts, scorers: scorerNames, onDisk: onDisk && disk(onDisk) })
}

const toText = (listed: readonly Listed[], areAll: boolean): string =>
  areAll
    ? `${labelled(listed.map(line))}\n\n"vicrop bench list NAME" says where to get one, its licence, size and score.`
    : listed.map(page).join('')

const line = ({ benchmark, onDisk }: Listed): readonly [string, string] => [
  benchmark.name,
  `${stateOf(onDisk).padEnd(7)}  ${benchmark.title}`,
]

function stateOf(onDisk: OnDisk | null): string {
  if (onDisk === null) return 'unknown'
  const { form, published, missing } = onDisk
  if (form === null && published.size === 0) return 'no'
  return form === null || missing.length > 0 ? 'in part' : 'here'
}

function page({ benchmark, onDisk }: Listed): string {
  const { name, title, licence, size, sources, metric } = benchmark
  const counts = describeCounts(benchmark)
  const lines: [string, string][] = [
    ...(counts === '' ? [] : [['asks', counts] as [string, string]]),
    ['score', metric],
    ['licence', licence],
    ['size', size],
    ...sources.map(({ what, url }, i): [string, string] => [i === 0 ? 'from' : '', `${what}: ${url}`]),
    ['on disk', onDisk === null ? 'unknown: name the folder with --data' : describe(onDisk)],
  ]
  return `${name}: ${title}\n${labelledWithin(lines, 2)}`
}

function describeCounts({ questionCount, imageCount }: Benchmark): string {
  const questions = questionCount === null ? [] : [`${grouped(questionCount)} questions`]
  const images = imageCount === null ? [] : [`${grouped(imageCount)} pictures`]
  return [...questions, ...images].join(', ')
}

const disk = ({ form, missing, missingBoxes }: OnDisk): object => ({ form, missing, missingBoxes })

function describe({ form, published, shards, missing, missingBoxes }: OnDisk): string {
  if (form === null) return published.size === 0 ? 'no' : `incomplete: no ${missing.join(', no ')}`
  const files = form === 'published' ? 'as published' : `Parquet, files: ${shards.length}`
  const lacking = [...missing, ...missingBoxes]
  return `${files}${lacking.length > 0 ? `; no ${lacking.join(', no ')}` : ''}`
}
