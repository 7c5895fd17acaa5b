// How alike two texts are by Ratcliff and Obershelp, as Python's difflib.SequenceMatcher has it. Only the paper's own scoring
// needs it. Legend: a, b the texts in code points.

/** In a text at least this long, characters that make up more than a hundredth of it start no match. */
const longText = 200

/** Twice the characters in matching blocks, over the characters of both; 1 for two empty texts. */
export function matchRatio(a: string, b: string): number {
  const [from, to] = [Array.from(a), Array.from(b)]
  const length = from.length + to.length
  return length === 0 ? 1 : (2 * matching(from, to)) / length
}

type Range = readonly [fromA: number, toA: number, fromB: number, toB: number]

/** How many characters lie in the longest block common to both, and in turn in those left and right of it. */
function matching(a: readonly string[], b: readonly string[]): number {
  const places = placesOf(b)
  const ranges: Range[] = [[0, a.length, 0, b.length]]
  let total = 0
  for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
    const [fromA, toA, fromB, toB] = range
    const { atA, atB, length } = longestBlock(a, b, places, range)
    if (length === 0) continue
    total += length
    ranges.push([fromA, atA, fromB, atB], [atA + length, toA, atB + length, toB])
  }
  return total
}

function placesOf(b: readonly string[]): Map<string, number[]> {
  const places = new Map<string, number[]>()
  for (const [i, character] of b.entries()) {
    const of = places.get(character)
    if (of === undefined) places.set(character, [i])
    else of.push(i)
  }
  if (b.length < longText) return places
  const most = Math.floor(b.length / 100) + 1
  return new Map([...places].filter(([, of]) => of.length <= most))
}

/** The longest block within a range; of equals the one that starts first in a, then in b. */
function longestBlock(
  a: readonly string[],
  b: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
  [fromA, toA, fromB, toB]: Range,
): { atA: number; atB: number; length: number } {
  let [atA, atB, length] = [fromA, fromB, 0]
  let ending = new Map<number, number>()
  for (let i = fromA; i < toA; i++) {
    const next = new Map<number, number>()
    for (const j of places.get(a[i] as string) ?? []) {
      if (j < fromB || j >= toB) continue
      const run = (ending.get(j - 1) ?? 0) + 1
      next.set(j, run)
      if (run > length) [atA, atB, length] = [i - run + 1, j - run + 1, run]
    }
    ending = next
  }
  // Frequent characters start no block, but lengthen one.
  while (atA > fromA && atB > fromB && a[atA - 1] === b[atB - 1])
    [atA, atB, length] = [atA - 1, atB - 1, length + 1]
  while (atA + length < toA && atB + length < toB && a[atA + length] === b[atB + length]) length++
  return { atA, atB, length }
}
