import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { coverage, isPointedAt, localisation } from '../../src/bench/metrics/localisation.ts'

/** Four cells of 50 x 50 pixels, the right top one the highest. */
const map = {
  rows: 2,
  columns: 2,
  values: new Float32Array([1, 5, 1, 1]),
  geometry: {
    source: { width: 100, height: 100 },
    view: { x: 0, y: 0, width: 100, height: 100 },
    grid: { rows: 2, columns: 2 },
  },
}
const box = (x: number, y: number, width = 10, height = 10) => ({ x, y, width, height })

describe('localisation', () => {
  it('says how much attention is on the box, whether it is pointed at, and how much of it is in the crop', () => {
    expect(localisation(map, { x: 65, y: 0, width: 35, height: 50 }, [box(60, 10)])).toEqual({
      attentionRatio: 5 / 2,
      pointed: true,
      covered: 0.5,
    })
  })

  it('takes the mean over several boxes, and one to be pointed at is enough', () => {
    const found = localisation(map, { x: 50, y: 0, width: 50, height: 50 }, [box(60, 10), box(0, 60)])
    expect(found).toEqual({ attentionRatio: (5 / 2 + 1 / 2) / 2, pointed: true, covered: 0.5 })
  })

  it('says nothing without boxes, and nothing of a map or crop that is not there', () => {
    expect(localisation(map, null, [])).toBeNull()
    expect(localisation(null, null, [box(0, 0)])).toEqual({
      attentionRatio: null,
      pointed: null,
      covered: null,
    })
  })

  it('is pointed at a box that shares area with the highest cell, not at one that only borders on it', () => {
    expect(isPointedAt(map, [box(49, 10)])).toBe(true)
    expect(isPointedAt(map, [box(40, 10)])).toBe(false)
  })

  it('is not pointed anywhere by a map without numbers', () => {
    expect(isPointedAt({ ...map, values: new Float32Array(4).fill(Number.NaN) }, [box(60, 10)])).toBe(false)
  })

  it('has a share of the box in the crop from 0 to 1, which is 1 where the crop holds it', () => {
    const side = fc.integer({ min: 1, max: 50 })
    const boxes = fc.record({ x: fc.nat(50), y: fc.nat(50), width: side, height: side })
    fc.assert(
      fc.property(boxes, boxes, (thing, crop) => {
        const share = coverage(thing, crop)
        expect(share).toBeGreaterThanOrEqual(0)
        expect(share).toBeLessThanOrEqual(1)
        const holds =
          crop.x <= thing.x &&
          crop.y <= thing.y &&
          crop.x + crop.width >= thing.x + thing.width &&
          crop.y + crop.height >= thing.y + thing.height
        expect(share === 1).toBe(holds)
      }),
    )
  })
})
