import { normaliseVqa } from './vqa-accuracy.ts'

/** What the options are called, in turn. */
export const optionLetter = (option: number): string => String.fromCharCode(65 + option)

/** No publisher has more, and the letters end there. */
export const mostOptions = 26

/**
 * Which option a generated answer means. V* is published with a comparison of likelihoods, and A-OKVQA with answers that are
 * options to the letter, so how to read a text is for each evaluation to say. Here, the first of these that holds:
 *
 * 1. it is a letter, alone or with brackets and stops: "B", "(b)", "B."
 * 2. it begins with a letter that is marked as one: "B) red", "(B) red", "B: red", "B. red"
 * 3. it names a letter: "The answer is B", "option (B)", "answer: B"
 * 4. it is an option's text, but for case, punctuation and articles: "The red" for "red"
 * 5. it has exactly one option's text in it, as whole words: "It looks red to me"; an option whose text lies within another
 *    that is there too does not count, as "left" in "on the left"
 *
 * A letter beyond the options is no letter. What is left means no option, and is wrong.
 *
 * @returns the option's index, or null
 */
export function readOption(answer: string, options: readonly string[]): number | null {
  const text = answer.trim()
  return readLetter(text, options.length) ?? readText(text, options)
}

const lettered = [
  /^[([]?([a-z])[)\]]?[.:,;]?$/i,
  /^[([]([a-z])[)\]]/i,
  /^([a-z])(?:[):]\s*|\.\s+)\S/i,
  /\b(?:answer|option|choice)(?:\s+is)?\s*:?\s*[([]([a-z])[)\]]/i,
  // Without brackets a capital: "the answer is a dog" names no letter.
  /\b(?:[Aa]nswer|[Oo]ption|[Cc]hoice)(?:\s+is)?\s*:?\s*([A-Z])(?![\p{L}\p{N}'’-])/u,
]

function readLetter(text: string, count: number): number | null {
  for (const pattern of lettered) {
    const letter = pattern.exec(text)?.[1]
    if (letter === undefined) continue
    const option = letter.toUpperCase().charCodeAt(0) - 65
    if (option < count) return option
  }
  return null
}

function readText(text: string, options: readonly string[]): number | null {
  const said = normaliseVqa(text)
  const meant = options.map(normaliseVqa)
  const same = meant.indexOf(said)
  if (said !== '' && same !== -1) return same
  const contained = meant.filter(option => option !== '' && hasWords(said, option))
  const longest = contained.filter(
    option => !contained.some(other => other !== option && hasWords(other, option)),
  )
  return longest.length === 1 ? meant.indexOf(longest[0] as string) : null
}

const hasWords = (text: string, words: string): boolean => ` ${text} `.includes(` ${words} `)
