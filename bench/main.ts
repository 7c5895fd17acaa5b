import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { llava7b, writeRandomCheckpoint } from './checkpoint.ts'
import type { Measured } from './measure.ts'
import type { MeasuredMaps } from './measure-gradients.ts'
import type { LookName } from './workload.ts'

// What asking costs, as ratios measured side by side in one run. `npm run bench -- --small` leaves the large
// checkpoints out, which take 9 GB of disk in the temporary folder, as much memory, and some minutes.

const demo = fileURLToPath(new URL('../../demo/model', import.meta.url))

async function main(onlySmall: boolean): Promise<void> {
  console.log(`node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim()}`)
  const { size } = await stat(join(demo, 'model.safetensors'))
  print('demo model', size, await measure('measure', demo, 3 * 80, 15))
  printMaps(await measure('measure-gradients', demo, 3 * 80, 15))
  if (onlySmall) return
  const four = await withRandomWeights(4, async (folder, bytes) => {
    print('LLaVA-1.5-7B, 4 layers', bytes, await measure('measure', folder, 3 * 336, 3))
    const maps = await measure('measure-gradients', folder, 3 * 336, 3)
    printMaps(maps)
    return maps
  })
  const eight = await withRandomWeights(8, folder => measure('measure-gradients', folder, 3 * 336, 1))
  printDepth(four, eight)
}

/** LLaVA-1.5-7B's shape with its language model cut to so many layers. */
async function withRandomWeights<T>(
  layers: number,
  work: (folder: string, bytes: number) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'vicrop-bench-'))
  try {
    console.log(`\nwriting random weights of LLaVA-1.5-7B with ${layers} of its 32 language layers ...`)
    return await work(folder, await writeRandomCheckpoint(folder, llava7b(layers), demo))
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Scripts {
  readonly measure: Measured
  readonly 'measure-gradients': MeasuredMaps
}

/** A picture of `side` pixels, three times the model's input, so that there is something to crop, but no blocks. */
async function measure<T extends keyof Scripts>(
  script: T,
  model: string,
  side: number,
  runs: number,
): Promise<Scripts[T]> {
  const path = fileURLToPath(new URL(`${script}.js`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [path, model, `${side}`, `${runs}`])
  return JSON.parse(stdout)
}

function printMaps({ prefillMs, mapMs, peakBytes }: MeasuredMaps): void {
  console.log(`  picture and first token            ${spread(prefillMs, ms)}`)
  for (const [name, times] of Object.entries(mapMs)) {
    const share = spread(ratios(times, prefillMs), percent)
    console.log(`  map of ${name.padEnd(27)} ${share} of that; ${megabytes(peakBytes[name as LookName])}`)
  }
  console.log(
    `  no map                             ${megabytes(peakBytes.none)} at most, mapped weights left aside`,
  )
}

/** What a layer more takes, beside what has to be kept of it: keys, values and input of 620 positions. */
function printDepth(four: MeasuredMaps, eight: MeasuredMaps): void {
  console.log('\npeak memory without mapped weights, 4 layers, 8 layers, for each more')
  for (const name of Object.keys(four.peakBytes) as (LookName | 'none')[]) {
    const [few, many] = [four.peakBytes[name], eight.peakBytes[name]]
    console.log(`  ${name.padEnd(20)} ${megabytes(few)}, ${megabytes(many)}, ${megabytes((many - few) / 4)}`)
  }
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

await main(process.argv.includes('--small'))
