/**
 * A random part of a benchmark that anybody can draw again, whatever the order of its files: each question has a number
 * made of its id and the seed, and those with the lowest numbers are taken, in the order in which they came.
 *
 * The number is the 32-bit FNV-1a hash of the UTF-8 bytes of "SEED:ID", put through MurmurHash3's final mix; of equal
 * numbers the id that sorts first by its code units goes first.
 *
 * @returns all of them, if there are no more than `count`
 */
export function sampleById<T extends { readonly id: string }>(
  questions: readonly T[],
  { count, seed }: { readonly count: number; readonly seed: number },
): readonly T[] {
  if (questions.length <= count) return questions
  const numbered = questions.map(({ id }) => ({ id, number: sampleNumber(id, seed) }))
  numbered.sort((a, b) => a.number - b.number || (a.id < b.id ? -1 : 1))
  const taken = new Set(numbered.slice(0, count).map(({ id }) => id))
  return questions.filter(({ id }) => taken.has(id))
}

/** @returns a whole number from 0 up to, not including, 2^32 */
export function sampleNumber(id: string, seed: number): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(`${seed}:${id}`)) hash = Math.imul(hash ^ byte, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
