import type { Image } from '../../src/image/image.ts'

/** A map's values differ by a millionth between runtimes; where that is a step of the glow, colours do by this. */
export const stepOfGlow = 8

/** By how much the colours of two pictures differ at most; Infinity where their sizes do. */
export function difference(a: Image, b: Image): number {
  if (a.width !== b.width || a.height !== b.height) return Number.POSITIVE_INFINITY
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0)
}
