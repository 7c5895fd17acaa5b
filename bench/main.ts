import { execFile } from 'node:child_process'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { llava7b, writeRandomCheckpoint } from './checkpoint.ts'
import type { Measured } from './measure.ts'

// What asking costs, as ratios measured side by side in one run. `npm run bench -- --small` leaves the large
// checkpoint out, which takes 5.6 GB of disk in the temporary folder, as much memory, and some minutes.

const demo = fileURLToPath(new URL('../../demo/model', import.meta.url))
const measureScript = fileURLToPath(new URL('measure.js', import.meta.url))

async function main(onlySmall: boolean): Promise<void> {
  console.log(`node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim()}`)
  const { size } = await stat(join(demo, 'model.safetensors'))
  print('demo model', size, await measure(demo, 4 * 80, 15))
  if (onlySmall) return
  const folder = await mkdtemp(join(tmpdir(), 'vicrop-bench-'))
  try {
    console.log('\nwriting random weights of LLaVA-1.5-7B with 4 of its 32 language layers ...')
    const bytes = await writeRandomCheckpoint(folder, llava7b(4), demo)
    print('LLaVA-1.5-7B, 4 layers', bytes, await measure(folder, 4 * 336, 3))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** A picture of `side` pixels, four times the model's input, so that there is something to crop. */
async function measure(model: string, side: number, runs: number): Promise<Measured> {
  const { stdout } = await promisify(execFile)(process.execPath, [measureScript, model, `${side}`, `${runs}`])
  return JSON.parse(stdout)
}

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
