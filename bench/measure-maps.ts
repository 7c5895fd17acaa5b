import { type AskOptions, ViCrop } from 'vicrop'
import { type LookName, lookNames, looks, patchwork, questions } from './workload.ts'

/** What each map costs beside the prefill it belongs to; prints `MeasuredMaps` as JSON. */
export interface MeasuredMaps {
  /** Each run's time from a decoded picture to the first token of its plain answer. */
  readonly prefillMs: readonly number[]
  /** Each run's time for the map, on a picture that was asked nothing before. */
  readonly mapMs: Readonly<Record<LookName, readonly number[]>>
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
  // The first of each opens its sessions and is not counted.
  for (const options of [{ method: 'none' } as const, ...Object.values(looks)]) await ask(options)
  const prefillMs: number[] = []
  const mapMs = Object.fromEntries(lookNames.map(name => [name, [] as number[]])) as Record<
    LookName,
    number[]
  >
  for (let run = 0; run < runs; run++) {
    const plain = await ask({ method: 'none' })
    prefillMs.push((plain.encodeMs as number) + (plain.plainAnswerMs as number))
    for (const name of lookNames) mapMs[name].push((await ask(looks[name])).mapMs as number)
  }
  return { prefillMs, mapMs }
}

const [, , model, side, runs] = process.argv
process.stdout.write(JSON.stringify(await measure(model as string, Number(side), Number(runs))))
