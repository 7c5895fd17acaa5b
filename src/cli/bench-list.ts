import type { Benchmark } from '../bench/benchmark.ts'
import { locate, type OnDisk } from '../bench/files-node.ts'
import { benchmarks } from '../bench/registry.ts'
import { type BenchFlags, checkDataFolder, homeOf } from './bench-data.ts'
import { grouped, labelledWithin } from './print.ts'

/** Prints what there is to know about every benchmark. */
export async function listBenchmarks({ data, json }: BenchFlags): Promise<void> {
  await checkDataFolder(data)
  const listed = await Promise.all(
    benchmarks.map(async benchmark => {
      const home = await homeOf(benchmark, data)
      return { benchmark, onDisk: home && (await locate(home.benchmark, home.data)) }
    }),
  )
  const text = json
    ? listed.map(({ benchmark, onDisk }) => JSON.stringify(toJson(benchmark, onDisk))).join('\n')
    : listed.map(({ benchmark, onDisk }) => toText(benchmark, onDisk)).join('\n\n')
  process.stdout.write(`${text}\n`)
}

const toJson = (benchmark: Benchmark, onDisk: OnDisk | null): object => {
  const { name, title, licence, size, sources, questionCount, imageCount, metric, scorers } = benchmark
  const facts = { name, title, licence, size, sources, questionCount, imageCount, metric }
  const scorerNames = scorers.code === null ? ['official'] : ['official', 'code']
  return { ...facts, scorers: scorerNames, onDisk: onDisk && disk(onDisk) }
}

function toText(benchmark: Benchmark, onDisk: OnDisk | null): string {
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
