import { describe, expect, it } from 'vitest'
import { estimateMean, estimateScore } from '../../../src/bench/report/compare.ts'

describe('estimates', () => {
  it("have Wilson's interval", () => {
    // 8 of 10: (0.8 + 0.19207) / 1.38415 -+ 1.38590 sqrt(0.016 + 0.0096036 ...), as tables of it have it.
    const { value, n, low, high } = estimateScore([...Array(8).fill(1), 0, 0])
    expect({ value, n }).toEqual({ value: 0.8, n: 10 })
    expect(low).toBeCloseTo(0.4902, 4)
    expect(high).toBeCloseTo(0.9433, 4)
  })

  it('of no wrong answer end at 1, and begin below', () => {
    // z squared over n: 1 - 3.8415 / 13.8415.
    expect(estimateScore(Array(10).fill(1)).high).toBeCloseTo(1, 12)
    expect(estimateScore(Array(10).fill(1)).low).toBeCloseTo(0.7225, 4)
  })

  it('of other numbers have that of the normal distribution', () => {
    // Deviation 1, so 1.96 / sqrt(3).
    const { value, low, high } = estimateMean([1, 2, 3])
    expect([value, low, high].map(x => Number(x.toFixed(4)))).toEqual([2, 0.8684, 3.1316])
  })
})
