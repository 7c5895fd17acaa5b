import type { YesNo } from '../question.ts'

/**
 * Reads an answer as POPE's evaluation does (Li et al. 2023; github.com/AoiDragon/POPE, evaluate.py): of its first sentence,
 * "no" if one of the words is "no", "No" or "not"; everything else, the empty answer too, is "yes".
 */
export function readYesNo(answer: string): YesNo {
  const sentence = answer.split('.', 1)[0] as string
  const words = sentence.replaceAll(',', '').split(' ')
  return ['no', 'No', 'not'].some(word => words.includes(word)) ? 'no' : 'yes'
}

/** POPE's figures, each 0 to 1; NaN where there is nothing to divide by, as precision without a single "yes". */
export interface YesNoFigures {
  readonly accuracy: number
  readonly precision: number
  readonly recall: number
  readonly f1: number
  /** How often the model said yes; half of the questions deserve it. */
  readonly yesRate: number
}

/** "Yes" is what is to be found: precision is the share of it among the answers "yes". */
export function yesNoFigures(
  answered: readonly { readonly given: YesNo; readonly right: YesNo }[],
): YesNoFigures {
  const count = (given: YesNo, right: YesNo): number =>
    answered.filter(one => one.given === given && one.right === right).length
  const [hits, falseAlarms, misses] = [count('yes', 'yes'), count('yes', 'no'), count('no', 'yes')]
  const precision = hits / (hits + falseAlarms)
  const recall = hits / (hits + misses)
  return {
    accuracy: (hits + count('no', 'no')) / answered.length,
    precision,
    recall,
    f1: (2 * precision * recall) / (precision + recall),
    yesRate: (hits + falseAlarms) / answered.length,
  }
}
