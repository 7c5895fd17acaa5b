import { decodeImage } from '../image/decode-node.ts'
import type { Picture } from '../picture.ts'
import { type Asker, askInWays, type Found, type Outcome, seeMethod } from './ask-in-ways.ts'
import { localisation } from './metrics/localisation.ts'
import type { Asked, KeyedWay, Task } from './plan.ts'
import type { OpenBenchmark } from './read-node.ts'
import type { Results } from './results-node.ts'
import type { FailedRow, Row } from './row.ts'
import { storeMap } from './stored-map.ts'

/** What all rows of a run have in common. */
export interface RunFacts {
  /** The id of its `Provenance`. */
  readonly run: string
  /** As the user calls it. */
  readonly model: string
  readonly open: OpenBenchmark
}

/** One question's rows. */
export interface Answers {
  readonly rows: readonly Row[]
  readonly failed: readonly FailedRow[]
}

export interface RunOptions extends RunFacts {
  readonly tasks: readonly Task[]
  readonly asker: Asker
  readonly results: Results
  /** How many questions may wait for somebody else's answer while others are looked at. Default: 1. */
  readonly parallel?: number
  readonly onAnswers: (answers: Answers) => void
}

/** Asks all that is planned. Each question's rows are written as soon as it is answered. */
export async function runTasks(options: RunOptions): Promise<void> {
  const { tasks, asker, results, parallel = 1, onAnswers } = options
  const waiting = new Set<Promise<void>>()
  const failures: unknown[] = []
  const keep = async (answering: Promise<Answers>): Promise<void> => {
    const answers = await answering
    await results.add(answers.rows)
    await results.setAside(answers.failed)
    onAnswers(answers)
  }
  const untilFewerThan = async (count: number): Promise<void> => {
    while (waiting.size >= count) await Promise.race(waiting)
    if (failures.length > 0) throw failures[0]
  }
  try {
    for (const task of tasks) {
      for await (const { answers } of answersOf(task, options, asker)) {
        const kept: Promise<void> = keep(answers)
          .catch(error => void failures.push(error))
          .finally(() => waiting.delete(kept))
        waiting.add(kept)
        await untilFewerThan(parallel)
      }
    }
    await untilFewerThan(1)
  } finally {
    await Promise.all(waiting)
  }
}

/**
 * The answers to all questions about a picture, which is seen once. Where somebody else answers, they are still to come when
 * the next question is looked at.
 */
export async function* answersOf(
  task: Task,
  facts: RunFacts,
  asker: Asker,
): AsyncGenerator<{ readonly answers: Promise<Answers> }> {
  asker.signal.throwIfAborted()
  let seen: Picture
  try {
    seen = await see(task, facts, asker)
  } catch (error) {
    asker.signal.throwIfAborted()
    for (const asked of task.asked) {
      const outcomes = asked.ways.map(({ way }) => ({ way, found: null, error: (error as Error).message }))
      yield { answers: Promise.resolve(toAnswers(asked, outcomes, facts)) }
    }
    return
  }
  using picture = seen
  for (const { question, ways } of task.asked) {
    const plainWays = ways.map(({ way }) => way)
    const { outcomes } = await askInWays(picture, question, plainWays, asker)
    if (asker.answerer === null) await outcomes
    yield { answers: outcomes.then(all => toAnswers({ question, ways }, all, facts)) }
  }
}

async function see({ image, asked }: Task, { open }: RunFacts, { vicrop, signal }: Asker): Promise<Picture> {
  const bytes = await open.readImage(image)
  const pixels = await decodeImage(bytes).catch((error: Error) => {
    throw new Error(`picture ${image.id}: ${error.message.replace(/^image: /, '')}`)
  })
  const ways = asked.flatMap(one => one.ways.map(({ way }) => way))
  return vicrop.see(pixels, { method: seeMethod(ways), signal })
}

function toAnswers({ question, ways }: Asked, outcomes: readonly Outcome[], facts: RunFacts): Answers {
  const { run, model, open } = facts
  const rows: Row[] = []
  const failed: FailedRow[] = []
  for (const [i, { way, found, error }] of outcomes.entries()) {
    const { key } = ways[i] as KeyedWay
    const common = { key, run, benchmark: open.benchmark.name, question, model, way }
    if (found === null) failed.push({ ...common, error })
    else rows.push({ ...common, ...toRow(found, { question, open }) })
  }
  return { rows, failed }
}

type OfAnswer = Omit<Row, keyof Omit<FailedRow, 'error'>>

function toRow(found: Found, { question, open }: Pick<Asked, 'question'> & Pick<RunFacts, 'open'>): OfAnswer {
  const { answer, image, crop, cropReason, importance, ratios, timings } = found
  return {
    answer,
    score: open.benchmark.scorers.official(question, answer),
    image,
    crop,
    cropReason,
    map: importance && storeMap(importance),
    localisation: localisation(importance, crop, question.boxes),
    ...(ratios && { ratios: ratios.map(ratio => (Number.isFinite(ratio) ? ratio : null)) }),
    timings: Object.fromEntries(Object.entries(timings).map(([stage, ms]) => [stage, Number(ms.toFixed(2))])),
  }
}
