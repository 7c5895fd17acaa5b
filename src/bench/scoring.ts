import type { Scorer } from './benchmark.ts'
import { optionLetter, readOption } from './metrics/options.ts'
import type { Expected, Question, Score, YesNo } from './question.ts'

// Metrics as scorers of questions.

/** A scorer of questions with a list of right answers. */
export const byAnswers =
  (
    metric: (answer: string, right: readonly string[]) => number,
    read: (answer: string) => string = answer => answer.trim(),
  ): Scorer =>
  (question, answer) => {
    const { answers } = expecting('answers', question)
    return { value: metric(answer, answers), read: read(answer) }
  }

/** A scorer of questions whose answer is yes or no. */
export const byYesNo =
  (read: (answer: string) => YesNo): Scorer =>
  (question, answer) => {
    const given = read(answer)
    return { value: given === expecting('yes-no', question).answer ? 1 : 0, read: given }
  }

/** A scorer of questions with options, by the letter that the answer names; an answer that names none is wrong. */
export const byOption: Scorer = (question, answer) => {
  const { options, correct } = expecting('choice', question)
  const given = readOption(answer, options)
  return { value: given === correct ? 1 : 0, read: given === null ? null : optionLetter(given) }
}

/** A scorer that leaves those questions out which the publisher leaves out. */
export const ofCounted =
  (scorer: Scorer): Scorer =>
  (question, answer) => {
    const score: Score = scorer(question, answer)
    return question.isCounted ? score : { ...score, value: null }
  }

/** What a question expects, if it is of that type. */
export function expecting<T extends Expected['type']>(
  type: T,
  { id, expected }: Question,
): Extract<Expected, { type: T }> {
  if (expected.type === type) return expected as Extract<Expected, { type: T }>
  throw new TypeError(`question ${id}: has ${expected.type}, and is to be scored by ${type}`)
}

/** The mean of the scores that count, 0 to 1; NaN if none does. */
export function meanScore(scores: readonly Score[]): number {
  const values = scores.flatMap(({ value }) => value ?? [])
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
