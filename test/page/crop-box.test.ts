import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dragged, type Handle, middle } from '../../web/src/crop-box.ts'

const side = fc.integer({ min: 8, max: 4000 })
const by = fc.double({ min: -9000, max: 9000, noNaN: true })

describe('a crop that is dragged', () => {
  it('stays a box of whole pixels inside the picture, by whatever part it is dragged', () => {
    const handle = fc.constantFrom<Handle>('move', 'nw', 'ne', 'sw', 'se')
    fc.assert(
      fc.property(side, side, handle, by, by, (width, height, handle, dx, dy) => {
        const box = dragged(middle({ width, height }), handle, dx, dy, { width, height })
        expect(Object.values(box).every(Number.isInteger)).toBe(true)
        expect(Math.min(box.x, box.y)).toBeGreaterThanOrEqual(0)
        expect(Math.min(box.width, box.height)).toBeGreaterThan(0)
        expect(box.x + box.width).toBeLessThanOrEqual(width)
        expect(box.y + box.height).toBeLessThanOrEqual(height)
      }),
    )
  })

  it.each<[Handle, number[]]>([
    ['move', [45, 43, 20, 30]],
    ['nw', [45, 43, 15, 27]],
    ['ne', [40, 43, 25, 27]],
    ['sw', [45, 40, 15, 33]],
    ['se', [40, 40, 25, 33]],
  ])('changes by its %s as the pointer goes 5 to the right and 3 down', (handle, expected) => {
    const box = { x: 40, y: 40, width: 20, height: 30 }
    expect(Object.values(dragged(box, handle, 5, 3, { width: 100, height: 100 }))).toEqual(expected)
  })
})
