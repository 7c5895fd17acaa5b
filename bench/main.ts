import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type BenchShape, llava7b, llavaNext7b, writeRandomCheckpoint } from './checkpoint.ts'
import type { Measured } from './measure.ts'
import type { MeasuredMaps } from './measure-maps.ts'
import { lookNames } from './workload.ts'

// What asking costs, as ratios measured side by side in one run. `npm run bench -- --small` leaves the large
// checkpoints out, which take 9 GB of disk in the temporary folder, as much memory, and some minutes; `-- --memory` measures
// memory alone, that of a long prompt too, which takes a quarter of an hour.

const demo = fileURLToPath(new URL('../../demo/model', import.meta.url))

async function main(which: { readonly small: boolean; readonly memory: boolean }): Promise<void> {
  console.log(`node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim()}`)
  if (!which.memory) {
    const { size } = await stat(join(demo, 'model.safetensors'))
    await printSpeed('demo model', demo, size, 3 * 80, 15)
    if (which.small) return
  }
  const four = await withRandomWeights(llava7b(4), async (folder, bytes) => {
    if (!which.memory) await printSpeed('LLaVA-1.5-7B, 4 layers', folder, bytes, 3 * 336, 3)
    return measureMemory(folder, 3 * 336)
  })
  printDepth(four, await withRandomWeights(llava7b(8), folder => measureMemory(folder, 3 * 336)))
  if (which.memory)
    printLong(await withRandomWeights(llavaNext7b(4), folder => measureMemory(folder, 2 * 336)))
}

async function printSpeed(
  name: string,
  model: string,
  weightBytes: number,
  side: number,
  runs: number,
): Promise<void> {
  print(name, weightBytes, await runScript<Measured>('measure', model, side, runs))
  printMaps(await runScript<MeasuredMaps>('measure-maps', model, side, runs))
}

type Memory = readonly (readonly [name: string, bytes: number])[]

/** Each in a process of its own. */
async function measureMemory(model: string, side: number): Promise<Memory> {
  const found: [string, number][] = []
  for (const name of ['none', ...lookNames])
    found.push([name, await runScript<number>('measure-memory', model, side, name)])
  return found
}

async function withRandomWeights<T>(
  shape: BenchShape,
  work: (folder: string, bytes: number) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'vicrop-bench-'))
  try {
    console.log(
      `\nwriting random weights of ${shape.name} with ${shape.layers} of its 32 language layers ...`,
    )
    return await work(folder, await writeRandomCheckpoint(folder, shape, demo))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A picture of `side` pixels, two or three times the model's input: there is something to crop, but there are no blocks. */
async function runScript<T>(script: string, model: string, side: number, last: number | string): Promise<T> {
  const path = fileURLToPath(new URL(`${script}.js`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [path, model, `${side}`, `${last}`])
  return JSON.parse(stdout)
}

function printMaps({ prefillMs, mapMs }: MeasuredMaps): void {
  console.log(`  picture and first token            ${spread(prefillMs, ms)}`)
  for (const [name, times] of Object.entries(mapMs))
    console.log(`  map of ${name.padEnd(27)} ${spread(ratios(times, prefillMs), percent)} of that`)
}

/** Beside what a layer more has to have: keys and values, and for pure-grad its input, of 620 positions. */
function printDepth(four: Memory, eight: Memory): void {
  console.log('\npeak memory without mapped weights, picture and map: 4 layers, 8 layers, for each more')
  for (const [i, [name, few]] of four.entries()) {
    const many = eight[i]?.[1] as number
    console.log(`  ${name.padEnd(20)} ${megabytes(few)}, ${megabytes(many)}, ${megabytes((many - few) / 4)}`)
  }
}

/** Two by two tiles and the whole, 2,928 positions with the ends of rows. */
function printLong(memory: Memory): void {
  console.log('\npeak memory without mapped weights, picture of 2,928 positions and map: 4 layers')
  for (const [name, bytes] of memory) console.log(`  ${name.padEnd(20)} ${megabytes(bytes)}`)
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`

function print(name: string, weightBytes: number, measured: Measured): void {
  const { openMs, plainMs, askMs, fiveQuestionsMs, peakBytes } = measured
  console.log(
    `\n${name}, ${(weightBytes / 1e6).toFixed(0)} MB of weights, ${plainMs.length} runs; median (least to most)`,
  )
  console.log(`  opening                            ${openMs.toFixed(0)} ms`)
  console.log(`  picture and plain answer           ${spread(plainMs, ms)}`)
  console.log(`  picture, map, crop, both answers   ${spread(askMs, ms)}`)
  console.log(
    `  asking / plain answer              ${spread(ratios(askMs, plainMs), times)}   floor 2: image and crop against image`,
  )
  console.log(
    `  five questions / one question      ${spread(ratios(fiveQuestionsMs, askMs), times)}   5 without a shared picture`,
  )
  console.log(
    `  peak memory / weights              ${times(peakBytes / weightBytes)}   ${(peakBytes / 1e6).toFixed(0)} MB, mapped weights included`,
  )
}

const ratios = (a: readonly number[], b: readonly number[]): number[] => a.map((x, i) => x / (b[i] as number))
const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`
const times = (value: number): string => value.toFixed(2)

function spread(values: readonly number[], format: (value: number) => string): string {
  const sorted = values.toSorted((a, b) => a - b)
  const [least, median, most] = [0, Math.floor(sorted.length / 2), sorted.length - 1].map(i =>
    format(sorted[i] as number),
  )
  return `${median} (${least} to ${most})`
}

await main({ small: process.argv.includes('--small'), memory: process.argv.includes('--memory') })
