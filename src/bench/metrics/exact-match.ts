/**
 * Whether an answer is a right one, word for word. GQA's evaluation compares texts as they are, with right answers in lower
 * case; a generated answer is first put into that form: no capitals, nothing around it, no full stop at its end.
 *
 * @returns 0 or 1
 */
export const exactMatch = (answer: string, right: readonly string[]): number =>
  right.some(one => plainly(one) === plainly(answer)) ? 1 : 0

/**
 * A-OKVQA's direct answers (Schwenk et al. 2022; github.com/allenai/aokvqa, eval_predictions.py): a third for each person who
 * gave the answer, at most 1. No leave-one-out and no normalisation as in VQA accuracy; but see `plainly`.
 *
 * @returns 0, 1/3, 2/3 or 1
 */
export function directAnswer(answer: string, people: readonly string[]): number {
  const given = plainly(answer)
  return Math.min(1, people.filter(theirs => plainly(theirs) === given).length / 3)
}

/** A text without its capitals, what surrounds it, and the full stop with which a model ends a sentence. */
export const plainly = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replace(/\s*\.$/, '')
