import type { ImageReference, Question } from './question.ts'
import type { Way } from './row.ts'

/** What is to be done about one picture. */
export interface Task {
  readonly image: ImageReference
  readonly asked: readonly Asked[]
}

/** A question, and the ways in which it has not been answered yet. */
export interface Asked {
  readonly question: Question
  readonly ways: readonly KeyedWay[]
}

export interface KeyedWay {
  readonly way: Way
  readonly key: string
}

export interface Plan {
  readonly tasks: readonly Task[]
  /** How many answers there are to be, and how many of them there are not yet: a question counts once for each way. */
  readonly total: number
  readonly pending: number
}

/** One of `of` parts, counted from 1. */
export interface Shard {
  readonly part: number
  readonly of: number
}

export interface PlanOptions {
  readonly ways: readonly Way[]
  readonly keysOf: (question: Question) => (way: Way) => string
  readonly isDone: (key: string, question: Question) => boolean
  /** The first so many questions. */
  readonly limit?: number | undefined
  /** Of the pictures of these: those that follow each other, as Parquet files are read best. */
  readonly shard?: Shard | null
}

/** Which questions to ask in which ways, picture by picture in the order in which these first come. */
export function planOf(questions: readonly Question[], options: PlanOptions): Plan {
  const { ways, keysOf, isDone, limit, shard = null } = options
  const groups = partOf([...byPicture(questions.slice(0, limit)).values()], shard)
  const tasks = groups.flatMap(group => {
    const asked = group.flatMap(question => {
      const keyOf = keysOf(question)
      const keyed = ways.map(way => ({ way, key: keyOf(way) }))
      const open = keyed.filter(({ key }) => !isDone(key, question))
      return open.length === 0 ? [] : [{ question, ways: open }]
    })
    return asked.length === 0 ? [] : [{ image: asked[0]!.question.image, asked }]
  })
  const asked = tasks.flatMap(task => task.asked)
  return {
    tasks,
    total: groups.flat().length * ways.length,
    pending: asked.reduce((sum, one) => sum + one.ways.length, 0),
  }
}

function byPicture(questions: readonly Question[]): Map<string, Question[]> {
  const groups = new Map<string, Question[]>()
  for (const question of questions) {
    const group = groups.get(question.image.id)
    if (group === undefined) groups.set(question.image.id, [question])
    else group.push(question)
  }
  return groups
}

function partOf<T>(all: readonly T[], shard: Shard | null): readonly T[] {
  if (shard === null) return all
  const until = (part: number): number => Math.floor((part * all.length) / shard.of)
  return all.slice(until(shard.part - 1), until(shard.part))
}
