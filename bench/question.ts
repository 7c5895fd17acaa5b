import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { type LookOptions, ViCrop, type WeightType } from 'vicrop'
import { maxNewTokens, patchwork, questions } from './workload.ts'

// Answers one question after another, for a program that times something else in between: reference/speed.py.
// Usage: node out/bench/question.js MODEL SIDE THREADS DTYPE
// Prints `Opened` first, as a line of JSON, then a line of `Answered` for every line {"method":"rel-att"} it reads. Each
// is about a picture seen anew; the first question of a method also opens sessions.

interface Opened {
  readonly layers: readonly number[]
  readonly question: string
  readonly maxNewTokens: number
  /** SHA-256 of the picture's bytes, so that a program that draws it too can tell that it is the same. */
  readonly picture: string
}

interface Answered {
  /** From a decoded picture to the answer. */
  readonly ms: number
  readonly crop: unknown
  readonly cropReason: string | null
  readonly plainAnswer: string
  readonly answer: string
}

async function main(model: string, side: number, threads: number, dtype: WeightType): Promise<void> {
  await using vicrop = await ViCrop.open(model, { threads, dtype })
  const image = patchwork(side)
  const [question] = questions
  const picture = createHash('sha256').update(image.data).digest('hex')
  print({ layers: vicrop.layers, question, maxNewTokens, picture } satisfies Opened)
  for await (const line of createInterface({ input: process.stdin })) {
    const options: LookOptions = JSON.parse(line)
    const start = performance.now()
    using seen = await vicrop.see(image, options.method === undefined ? {} : { method: options.method })
    const { crop, cropReason, plainAnswer, answer } = await seen.ask(question, { ...options, maxNewTokens })
    const ms = performance.now() - start
    print({ ms, crop, cropReason, plainAnswer, answer } satisfies Answered)
  }
}

const print = (value: object): boolean => process.stdout.write(`${JSON.stringify(value)}\n`)

const [, , model, side, threads, dtype] = process.argv
await main(model as string, Number(side), Number(threads), dtype as WeightType)
