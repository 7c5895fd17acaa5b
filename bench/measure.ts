import { type Image, ViCrop } from 'vicrop'

/** Runs in a process of its own, so that peak memory is that of one checkpoint alone; prints `Measured` as JSON. */

export interface Measured {
  readonly openMs: number
  /** Each run's time from a decoded picture to its answer. */
  readonly plainMs: readonly number[]
  readonly askMs: readonly number[]
  readonly fiveQuestionsMs: readonly number[]
  /** The whole process, memory-mapped weights included. */
  readonly peakBytes: number
}

/** A short answer, as the paper's prompt asks for, in tokens. */
const maxNewTokens = 3

const questions = [
  'What is the number of the bus?',
  'What colour is the door?',
  'What does the sign say?',
  'Is there a dog?',
  'How many windows are there?',
]

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
  const peakBytes = process.resourceUsage().maxRSS * 1024
  return {
    openMs,
    plainMs: plainMs ?? [],
    askMs: askMs ?? [],
    fiveQuestionsMs: fiveQuestionsMs ?? [],
    peakBytes,
  }
}

/** Coloured squares, no two alike, so that a map has something to prefer. */
function patchwork(side: number): Image {
  const square = side / 16
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const [channel, x, y] = [i % 3, Math.floor(i / 3) % side, Math.floor(i / 3 / side)]
    const nth = Math.floor(y / square) * 16 + Math.floor(x / square)
    return (nth * [37, 101, 193][channel]!) % 256
  })
  return { width: side, height: side, data }
}

const [, , model, side, runs] = process.argv
process.stdout.write(JSON.stringify(await measure(model as string, Number(side), Number(runs))))
