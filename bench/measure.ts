import { ViCrop } from 'vicrop'
import { watchMemory } from './peak-memory.ts'
import { maxNewTokens, patchwork, questions } from './workload.ts'

/** Runs in a process of its own, so that peak memory is that of one checkpoint alone; prints `Measured` as JSON. */

export interface Measured {
  readonly openMs: number
  /** Each run's time from a decoded picture to its answer. */
  readonly plainMs: readonly number[]
  readonly askMs: readonly number[]
  readonly fiveQuestionsMs: readonly number[]
  /** Of a question: the whole process, with what is in memory of its mapped weights. */
  readonly peakBytes: number
}

async function measure(model: string, side: number, runs: number): Promise<Measured> {
  const start = performance.now()
  await using vicrop = await ViCrop.open(model)
  const openMs = performance.now() - start
  const image = patchwork(side)
  const time = async (count: number, method: 'none' | 'rel-att'): Promise<number> => {
    const from = performance.now()
    using picture = await vicrop.see(image)
    for (const question of questions.slice(0, count)) {
      const { cropReason } = await picture.ask(question, { method, maxNewTokens })
      // A map without a preference is answered plainly, and would look fast.
      if (cropReason !== null && method !== 'none') throw new Error(`nothing was cropped: ${cropReason}`)
    }
    return performance.now() - from
  }
  await time(1, 'rel-att')
  const [plainMs, askMs, fiveQuestionsMs]: number[][] = [[], [], []]
  for (let run = 0; run < runs; run++) {
    plainMs?.push(await time(1, 'none'))
    askMs?.push(await time(1, 'rel-att'))
    fiveQuestionsMs?.push(await time(5, 'rel-att'))
  }
  const memory = watchMemory()
  await time(1, 'rel-att')
  const { totalBytes: peakBytes } = await memory.peak()
  await memory.stop()
  return {
    openMs,
    plainMs: plainMs ?? [],
    askMs: askMs ?? [],
    fiveQuestionsMs: fiveQuestionsMs ?? [],
    peakBytes,
  }
}

const [, , model, side, runs] = process.argv
process.stdout.write(JSON.stringify(await measure(model as string, Number(side), Number(runs))))
