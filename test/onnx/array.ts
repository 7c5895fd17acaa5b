/** An array of numbers with a shape, row-major: the tests' own, and slow. */
export interface NdArray {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

/** An array given number by number. */
export function array(shape: readonly number[], fill: (...index: number[]) => number): NdArray {
  const data: number[] = []
  const visit = (index: number[]): void => {
    if (index.length === shape.length) data.push(fill(...index))
    else for (let i = 0; i < (shape[index.length] as number); i++) visit([...index, i])
  }
  visit([])
  return { shape, data }
}

/** One number. An index with more axes than the array, or outside an axis of size 1, reads it as broadcast. */
export function at({ shape, data }: NdArray, ...index: number[]): number {
  let place = 0
  shape.forEach((size, axis) => {
    const i = index[axis + index.length - shape.length] as number
    if (size !== 1 && (i < 0 || i >= size)) throw new RangeError(`[${index}] is outside [${shape}]`)
    place = place * size + (size === 1 ? 0 : i)
  })
  return data[place] as number
}

export const sum = (count: number, term: (i: number) => number): number => {
  let total = 0
  for (let i = 0; i < count; i++) total += term(i)
  return total
}

/** Numbers between -1 and 1, the same in every run (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1
  }
}

export function randomArray(shape: readonly number[], seed: number): NdArray {
  const next = randomNumbers(seed)
  return array(shape, next)
}
