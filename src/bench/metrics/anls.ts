/** Below this, an answer is taken to be another one, and not the right one misread. */
const threshold = 0.5

/**
 * Average normalised Levenshtein similarity, of one question (Biten et al. 2019), as DocVQA's evaluation takes it: case
 * and runs of spaces do not count; the likest of the right answers does; a similarity below one half is 0.
 *
 * As there, the distance is between the tidied texts, and is divided by the longer of the texts as they came.
 *
 * @param right at least one answer
 * @returns 0, or 0.5 to 1
 */
export function anls(answer: string, right: readonly string[]): number {
  const similarity = Math.max(...right.map(one => 1 - distanceShare(answer, one)))
  return similarity < threshold ? 0 : similarity
}

function distanceShare(answer: string, right: string): number {
  const length = Math.max(codePoints(answer.toUpperCase()).length, codePoints(right.toUpperCase()).length)
  return length === 0 ? 0 : levenshtein(tidy(answer), tidy(right)) / length
}

const codePoints = (text: string): string[] => Array.from(text)

const tidy = (text: string): string => text.trim().toLowerCase().split(/\s+/).join(' ')

/** How many characters have to be put in, taken out or changed to make one text the other. */
export function levenshtein(a: string, b: string): number {
  const [from, to] = [codePoints(a), codePoints(b)]
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (const [i, character] of from.entries()) {
    const next = [i + 1]
    for (const [j, other] of to.entries()) {
      const changed = (row[j] as number) + (character === other ? 0 : 1)
      next.push(Math.min(changed, (row[j + 1] as number) + 1, (next[j] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}
