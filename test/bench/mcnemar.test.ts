import { expect, it } from 'vitest'
import { mcnemar } from '../../bench/mcnemar.ts'

it.each([
  // Of 10 pairs: 2 (1 + 10 + 45) / 1024. Of 6: 2 / 64. An even split, and nothing to compare, say nothing.
  [8, 2, 0.109375],
  [2, 8, 0.109375],
  [6, 0, 0.03125],
  [5, 5, 1],
  [0, 0, 1],
])('of %i won and %i lost pairs, McNemar’s exact p is %d', (won, lost, p) => {
  expect(mcnemar(won, lost)).toBeCloseTo(p, 12)
})

it('stays a probability for hundreds of pairs', () => {
  expect(mcnemar(400, 3)).toBeGreaterThan(0)
  expect(mcnemar(400, 3)).toBeLessThan(1e-100)
})
