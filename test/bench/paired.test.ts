import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mcnemar, pairedDifference, pairScores } from '../../src/bench/metrics/paired.ts'

describe('McNemar’s exact test', () => {
  it.each([
    // Of 10 pairs: 2 (1 + 10 + 45) / 1024. Of 6: 2 / 64. An even split, and nothing to compare, say nothing.
    [8, 2, 0.109375],
    [2, 8, 0.109375],
    [6, 0, 0.03125],
    [5, 5, 1],
    [0, 0, 1],
  ])('of %i won and %i lost pairs is %d', (won, lost, p) => {
    expect(mcnemar(won, lost)).toBeCloseTo(p, 12)
  })

  it('stays a probability for hundreds of pairs', () => {
    expect(mcnemar(400, 3)).toBeGreaterThan(0)
    expect(mcnemar(400, 3)).toBeLessThan(1e-100)
  })

  it('holds for thousands of pairs, where one half to their number is no number any more', () => {
    // By the normal approximation with continuity correction, z = 99 / sqrt(2100).
    expect(mcnemar(1100, 1000)).toBeCloseTo(0.0307, 3)
    expect(mcnemar(10_000, 10_000)).toBe(1)
  })
})

describe('a paired difference', () => {
  it('counts the questions that both ways were scored on', () => {
    const first = new Map([
      ['a', 1],
      ['b', 0],
      ['c', null],
      ['d', 1],
    ])
    const second = new Map([
      ['b', 1],
      ['c', 1],
      ['a', 0.3],
      ['e', 1],
    ])
    expect(pairScores(first, second)).toEqual({ first: [1, 0], second: [0.3, 1] })
  })

  it('is the mean of the differences, with who won and lost', () => {
    const pairs = { first: [1, 0, 0, 0.3], second: [1, 1, 1, 0] }
    expect(pairedDifference(pairs)).toMatchObject({ difference: 1.7 / 4, won: 2, lost: 1, p: 1 })
  })

  it('has the interval that the normal distribution gives, for many questions', () => {
    // 1,000 questions, 200 won and 100 lost: mean 0.1, deviation sqrt(0.3 - 0.01) / sqrt(1000) = 0.01703.
    const second = Array.from({ length: 1000 }, (_, i) => (i < 200 ? 1 : i < 300 ? -1 : 0))
    const { low, high } = pairedDifference({ first: second.map(() => 0), second })
    expect(low).toBeCloseTo(0.1 - 1.96 * 0.01703, 2)
    expect(high).toBeCloseTo(0.1 + 1.96 * 0.01703, 2)
  })

  it('is the same for the same seed, and another for another', () => {
    const pairs = { first: [0, 0.2, 0.4, 1, 1], second: [1, 0.9, 0.1, 0, 1] }
    expect(pairedDifference(pairs, { seed: 7 })).toEqual(pairedDifference(pairs, { seed: 7 }))
    const { low, high } = pairedDifference(pairs, { seed: 7, resamples: 50 })
    const other = pairedDifference(pairs, { seed: 8, resamples: 50 })
    expect([other.low, other.high]).not.toEqual([low, high])
  })

  it('turns round with its sides, and lies within its interval', () => {
    const scores = fc.array(fc.tuple(fc.float({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 1)), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(scores, both => {
        const [first, second] = [both.map(([a]) => a), both.map(([, b]) => b)]
        const there = pairedDifference({ first, second }, { resamples: 200 })
        const back = pairedDifference({ first: second, second: first }, { resamples: 200 })
        expect(back.difference).toBeCloseTo(-there.difference, 12)
        expect([back.won, back.lost, back.p]).toEqual([there.lost, there.won, there.p])
        expect(back.low).toBeCloseTo(-there.high, 12)
      }),
      { numRuns: 30 },
    )
  })

  it('of no questions is no number', () => {
    expect(pairedDifference({ first: [], second: [] })).toMatchObject({ difference: Number.NaN, p: 1 })
  })

  it('refuses scores that are not in pairs', () => {
    expect(() => pairedDifference({ first: [1], second: [] })).toThrow('1 first scores, 0 second ones')
  })
})
