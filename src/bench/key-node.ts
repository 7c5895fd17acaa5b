import { createHash } from 'node:crypto'
import type { Question } from './question.ts'
import type { Settings, Way } from './row.ts'

// What tells one answer from another: the same on every machine, whatever device it has.

export interface KeyParts {
  readonly benchmark: string
  readonly question: Question
  /** SHA-256 of the model: `ModelFacts.hash`. */
  readonly model: string
  readonly settings: Settings
}

/**
 * The keys of one question's answers. Of the question counts all that a row says of it, what is expected and its boxes
 * included: an edition of a benchmark with other answers is asked anew. Where its picture lies does not, as that is not the
 * same in each form of a benchmark.
 */
export function keysOf({ question, ...others }: KeyParts): (way: Way) => string {
  const of = { ...others, question: questionHash(question) }
  return way => sha256(canonical({ ...of, way }))
}

/** Of all questions of a benchmark, in their order. */
export const questionsHash = (questions: readonly Question[]): string =>
  sha256(questions.map(questionHash).join('\n'))

const questionHash = ({ image: _, ...question }: Question): string => sha256(canonical(question))

/** In hexadecimal. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** JSON of plain data in which the order of keys makes no difference. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
