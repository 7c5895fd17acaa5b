import { readFileSync } from 'node:fs'
import { type AskOptions, ViCrop } from 'vicrop'
import { type LookName, lookNames, looks, patchwork, questions } from './workload.ts'

/** Runs in a process of its own, as memory is that of one checkpoint alone; prints `MeasuredMaps` as JSON. */
export interface MeasuredMaps {
  /** Each run's time from a decoded picture to the first token of its plain answer. */
  readonly prefillMs: readonly number[]
  /** Each run's time for the map, on a picture that was asked nothing before. */
  readonly mapMs: Readonly<Record<LookName, readonly number[]>>
  /** The most that was allocated while a question was answered, mapped weights not included. */
  readonly peakBytes: Readonly<Record<LookName | 'none', number>>
}

async function measure(model: string, side: number, runs: number): Promise<MeasuredMaps> {
  await using vicrop = await ViCrop.open(model)
  const image = patchwork(side)
  const ask = async (options: AskOptions) => {
    using picture = await vicrop.see(image, options.method === undefined ? {} : { method: options.method })
    const { timings, cropReason } = await picture.ask(questions[0], { ...options, maxNewTokens: 1 })
    if (cropReason === 'no signal') throw new Error(`${options.method}: the map has no signal`)
    return timings
  }
  const byName = <T>(value: () => T) =>
    Object.fromEntries(lookNames.map(name => [name, value()])) as Record<LookName, T>
  const peakBytes = { ...byName(() => 0), none: await peakOf(() => ask({ method: 'none' })) }
  for (const name of lookNames) peakBytes[name] = await peakOf(() => ask(looks[name]))
  const prefillMs: number[] = []
  const mapMs = byName((): number[] => [])
  for (let run = 0; run < runs; run++) {
    const plain = await ask({ method: 'none' })
    prefillMs.push((plain.encodeMs as number) + (plain.plainAnswerMs as number))
    for (const name of lookNames) mapMs[name].push((await ask(looks[name])).mapMs as number)
  }
  return { prefillMs, mapMs, peakBytes }
}

/** The most anonymous memory while some work is done. (Linux; elsewhere the whole process, mapped weights included.) */
async function peakOf(work: () => Promise<unknown>): Promise<number> {
  let peak = 0
  const look = (): void => {
    peak = Math.max(peak, anonymousBytes())
  }
  const timer = setInterval(look, 5)
  await work()
  look()
  clearInterval(timer)
  return peak
}

function anonymousBytes(): number {
  if (process.platform !== 'linux') return process.memoryUsage.rss()
  const match = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return 1024 * Number(match?.[1])
}

if (process.argv[2] !== undefined) {
  const [, , model, side, runs] = process.argv
  process.stdout.write(JSON.stringify(await measure(model as string, Number(side), Number(runs))))
}
