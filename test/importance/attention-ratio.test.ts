import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ImportanceMap } from '../../src/crop/select.ts'
import { attentionRatio } from '../../src/importance/attention-ratio.ts'

/** A map of 3 x 4 cells of 10 pixels over a picture of 40 x 30. */
function mapOf(...values: number[]): ImportanceMap {
  const grid = { rows: 3, columns: 4 }
  const source = { width: 40, height: 30 }
  return {
    ...grid,
    values: Float32Array.from(values),
    geometry: { source, view: { x: 0, y: 0, ...source }, grid },
  }
}

const cell = { x: 20, y: 10, width: 10, height: 10 }

describe('the attention ratio', () => {
  it('of one cell is its value over the mean of all', () => {
    expect(attentionRatio(mapOf(0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0), cell)).toBe(12)
    expect(attentionRatio(mapOf(1, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1), cell)).toBeCloseTo(3 / (14 / 12))
    expect(attentionRatio(mapOf(1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1), cell)).toBe(0)
  })

  it('of several cells compares with every place of a box of that size', () => {
    const map = mapOf(0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0)
    // Two cells in a row: 6 here; the nine places have 0 0 0, 4 6 2, 0 0 0.
    expect(attentionRatio(map, { x: 10, y: 10, width: 20, height: 10 })).toBe(6 / (12 / 9))
  })

  it('takes every cell that the box touches', () => {
    const map = mapOf(0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0)
    expect(attentionRatio(map, { x: 19, y: 11, width: 2, height: 3 })).toBe(6 / (12 / 9))
  })

  it('takes of a thing at the edge of what the model sees the part that is seen', () => {
    const map = mapOf(6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    expect(attentionRatio(map, { x: -15, y: -5, width: 20, height: 10 })).toBe(12)
  })

  it('is no number for a thing that is not seen, or a map of nothing', () => {
    expect(attentionRatio(mapOf(...Array(12).fill(1)), { x: 45, y: 0, width: 5, height: 5 })).toBeNaN()
    expect(attentionRatio(mapOf(...Array(12).fill(0)), cell)).toBeNaN()
  })

  it('is 1 for an even map, whatever the box, and does not change with the map’s scale', () => {
    const place = fc.record({
      x: fc.integer({ min: 0, max: 35 }),
      y: fc.integer({ min: 0, max: 25 }),
      width: fc.integer({ min: 1, max: 5 }),
      height: fc.integer({ min: 1, max: 5 }),
    })
    const numbers = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 12, maxLength: 12 })
    fc.assert(
      fc.property(place, numbers, (box, values) => {
        expect(attentionRatio(mapOf(...Array(12).fill(7)), box)).toBeCloseTo(1)
        const scaled = values.map(value => 3 * value)
        expect(attentionRatio(mapOf(...scaled), box)).toBeCloseTo(attentionRatio(mapOf(...values), box), 4)
      }),
    )
  })
})
