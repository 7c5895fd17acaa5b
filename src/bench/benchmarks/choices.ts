import { mostOptions, optionLetter } from '../metrics/options.ts'

// Options within a question's text, as V* is published: "(A) red", each on a line of its own.

/** With which V* ends every question. */
const instruction = "Answer with the option's letter from the given choices directly."

/** A question with its options in V*'s form. */
export const withOptions = (question: string, options: readonly string[]): string =>
  [question, ...options.map((option, i) => `(${optionLetter(i)}) ${option}`), instruction].join('\n')

/** Takes a question in V*'s form apart, its options on lines or in a row. null if it has fewer than two. */
export function splitOptions(text: string): { question: string; options: string[] } | null {
  const whole = text.trim()
  const end = whole.endsWith(instruction) ? whole.length - instruction.length : whole.length
  const body = whole.slice(0, end)
  const starts: number[] = []
  for (let at = body.indexOf('(A)'); at !== -1 && starts.length < mostOptions; ) {
    starts.push(at)
    at = body.indexOf(`(${optionLetter(starts.length)})`, at)
  }
  if (starts.length < 2) return null
  const options = starts.map((start, i) => body.slice(start + '(A)'.length, starts[i + 1]).trim())
  return { question: body.slice(0, starts[0]).trim(), options }
}
