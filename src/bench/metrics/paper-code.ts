import type { YesNo } from '../question.ts'
import { optionLetter } from './options.ts'
import { matchRatio } from './sequence-matcher.ts'
import { mapWords, stripPunctuation } from './vqa-accuracy.ts'

// The scores that the paper's own code gives (github.com/saccharomycetes/mllms_know, get_score.py), for comparison with the
// paper's tables and for nothing else: faults are kept, and named where they are. Each is 0 to 1, a hundredth of the code's.

/** The VQA script's normalisation without its first step: line breaks and tabs are left to the split into words. */
const normalise = (text: string): string => mapWords(stripPunctuation(text))

/**
 * TextVQA, A-OKVQA and VQAv2: three tenths for each person who gave the answer. With ten answers this is VQA accuracy;
 * with one, as for V*, it never exceeds 0.3.
 *
 * TextVQA's own normalisation is not used, and A-OKVQA's direct answers are scored so as well, the difficult ones included.
 */
export function paperAccuracy(answer: string, people: readonly string[]): number {
  const given = normalise(answer)
  return Math.min(1, 0.3 * people.filter(theirs => normalise(theirs) === given).length)
}

/**
 * V*: the option whose line "(A) red" resembles the answer most, the first of equals. A letter alone finds its own line, unless
 * a shorter one has that capital in it too; an answer that resembles none, such as the empty one, is A.
 */
export function paperOption(answer: string, options: readonly string[]): number {
  return mostAlike(
    answer,
    options.map((option, i) => `(${optionLetter(i)}) ${option}`),
  )
}

/** V*: the chosen letter through `paperAccuracy` with one label: right is 0.3. ("A" counts as an article, in both.) */
export const paperChoice = (answer: string, options: readonly string[], correct: number): number =>
  paperAccuracy(optionLetter(paperOption(answer, options)), [optionLetter(correct)])

/** POPE: "yes" or "no", whichever resembles the answer more; "yes" for an answer that resembles neither. */
export const paperYesNo = (answer: string): YesNo => (mostAlike(answer, ['yes', 'no']) === 0 ? 'yes' : 'no')

/** DocVQA: 1 if the answer lies in a right one or one in it, capitals counting; so the empty answer is always right. */
export const paperSubstring = (answer: string, right: readonly string[]): number =>
  right.some(one => one.includes(answer) || answer.includes(one)) ? 1 : 0

/**
 * GQA: 1 if the right answer, of which there is one, lies anywhere in the answer, be it inside a word: "no" in "snow". A right
 * answer of which the normalisation leaves nothing lies in every one.
 */
export function paperContains(answer: string, right: readonly string[]): number {
  const given = normalise(answer)
  return right.filter(one => given.includes(normalise(one))).length
}

function mostAlike(answer: string, candidates: readonly string[]): number {
  const ratios = candidates.map(candidate => matchRatio(answer, candidate))
  return ratios.indexOf(Math.max(...ratios))
}
