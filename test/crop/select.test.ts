import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CropChoice, selectCrop } from '../../src/crop/select.ts'
import { geometryOf, type Kind, plainCrop, type View } from './plain-crop.ts'

const choose = (view: View, values: readonly number[]): CropChoice => {
  const geometry = geometryOf(view)
  return selectCrop({ ...geometry.grid, values: Float32Array.from(values), geometry }, view.base)
}

/** Maps on which reference/fixtures/formulas.py chose; written by reference/fixtures/make.py. */
interface Fixture extends View {
  readonly map: string
  readonly values: readonly number[]
  readonly crop: { readonly box: CropChoice['crop']; readonly reason: string | null }
}
const fixtures: { cases: Fixture[] } = JSON.parse(
  readFileSync(new URL('../fixtures/crops.json', import.meta.url), 'utf8'),
)

describe('the crop on a map of the reference', () => {
  it.each(fixtures.cases)('$map, $kind $width x $height for $base', ({ values, crop, ...view }) => {
    expect(choose(view, values)).toEqual({ crop: crop.box, reason: crop.reason })
  })
})

const side = fc.integer({ min: 1, max: 2400 })
const anyView: fc.Arbitrary<View> = fc
  .record({
    kind: fc.constantFrom<Kind>('crop', 'pad', 'stretch'),
    width: side,
    height: side,
    patch: fc.constantFrom(7, 14, 16),
    cells: fc.integer({ min: 2, max: 9 }),
  })
  .map(({ cells, ...rest }) => ({ ...rest, base: cells * rest.patch }))

/** Whole numbers, most of them small, or all alike. */
function mapOf({ base, patch }: View): fc.Arbitrary<number[]> {
  const cells = (base / patch) ** 2
  const lengths = { minLength: cells, maxLength: cells }
  const few = { weight: 5, arbitrary: fc.nat(9) }
  const varied = fc.array(fc.oneof(few, fc.nat(500)), lengths)
  return fc.oneof({ weight: 12, arbitrary: varied }, fc.array(fc.constant(4), lengths))
}
const viewAndMap = anyView.chain(view => fc.tuple(fc.constant(view), mapOf(view)))

describe('the crop on random maps', () => {
  it('is that of the paper’s rule with direct sums', () => {
    const property = fc.property(viewAndMap, ([view, values]) => {
      const { crop, reason, close } = plainCrop(view, values)
      fc.pre(!close)
      expect(choose(view, values)).toEqual({ crop, reason })
    })
    fc.assert(property, { numRuns: 1000 })
  })

  it('is a box of whole pixels inside the picture, square unless the picture is smaller', () => {
    const property = fc.property(viewAndMap, ([view, values]) => {
      const { crop } = choose(view, values)
      if (crop === null) return
      const { x, y, width, height } = crop
      expect([x, y, width, height].every(Number.isInteger)).toBe(true)
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0)
      expect(x + width).toBeLessThanOrEqual(view.width)
      expect(y + height).toBeLessThanOrEqual(view.height)
      const largest = Math.max(width, height)
      expect(width).toBe(Math.min(largest, view.width))
      expect(height).toBe(Math.min(largest, view.height))
      expect(largest).toBeLessThanOrEqual(2 * view.base)
    })
    fc.assert(property, { numRuns: 300 })
  })
})

describe('there is no crop', () => {
  const view: View = { kind: 'stretch', width: 1000, height: 1000, base: 200, patch: 20 }
  const full = (value: number): number[] => Array.from({ length: 100 }, () => value)

  it.each([
    ['all zero', full(0)],
    ['flat', full(0.25)],
    ['flat up to rounding', full(1).map((value, i) => value + 1e-7 * (i % 3))],
    ['not a number in one cell', full(1).with(17, 9).with(40, Number.NaN)],
    ['infinite in one cell', full(1).with(17, Number.POSITIVE_INFINITY)],
    ['infinite both ways', full(1).with(17, Number.POSITIVE_INFINITY).with(18, Number.NEGATIVE_INFINITY)],
    ['not a number anywhere', full(Number.NaN)],
  ])('on a map that is %s', (_, values) => {
    expect(choose(view, values)).toEqual({ crop: null, reason: 'no signal' })
  })

  it('on a map that is flat but for its padding', () => {
    const padded: View = { kind: 'pad', width: 1000, height: 400, base: 100, patch: 10 }
    const values = full(1).map((value, i) => (i < 30 ? 50 : value))
    expect(choose(padded, values)).toEqual({ crop: null, reason: 'no signal' })
  })

  it.each<[string, View]>([
    ['as large as the input', { kind: 'stretch', width: 200, height: 200, base: 200, patch: 20 }],
    ['smaller than the input', { kind: 'stretch', width: 120, height: 90, base: 200, patch: 20 }],
    [
      'smaller than the input, shown by its middle',
      { kind: 'crop', width: 150, height: 60, base: 200, patch: 20 },
    ],
    ['one pixel', { kind: 'pad', width: 1, height: 1, base: 200, patch: 20 }],
  ])('of a picture %s', (_, small) => {
    expect(choose(small, full(1).with(3, 7))).toEqual({ crop: null, reason: 'nothing to crop' })
  })
})

describe('the crop of a map made by hand', () => {
  // Ten by ten cells of 100 pixels; the smallest window is two by two of them.
  const view: View = { kind: 'stretch', width: 1000, height: 1000, base: 200, patch: 20 }
  const bright = (...cells: (readonly [row: number, column: number])[]): number[] =>
    Array.from({ length: 100 }, (_, i) =>
      cells.some(([row, column]) => row === Math.floor(i / 10) && column === i % 10) ? 9 : 1,
    )

  it.each<
    [string, readonly (readonly [number, number])[], { x: number; y: number; width: number; height: number }]
  >([
    [
      'a square of four cells',
      [
        [6, 2],
        [6, 3],
        [7, 2],
        [7, 3],
      ],
      { x: 200, y: 600, width: 200, height: 200 },
    ],
    ['the left top corner', [[0, 0]], { x: 0, y: 0, width: 200, height: 200 }],
    ['the right bottom corner', [[9, 9]], { x: 800, y: 800, width: 200, height: 200 }],
    ['one cell, with the first window that holds it', [[5, 5]], { x: 400, y: 400, width: 200, height: 200 }],
    [
      'the larger of two places',
      [
        [1, 1],
        [8, 7],
        [8, 8],
      ],
      { x: 700, y: 700, width: 200, height: 200 },
    ],
  ])('lies on %s', (_, cells, crop) => {
    expect(choose(view, bright(...cells))).toEqual({ crop, reason: null })
  })

  it('is larger where what stands out is', () => {
    // Four by four cells of 10 whose middle is little brighter, so that inside them nothing stands out.
    const values = Array.from({ length: 100 }, (_, i) => {
      const [down, right] = [Math.floor(i / 10) - 3, (i % 10) - 4]
      if (Math.min(down, right) < 0 || Math.max(down, right) > 3) return 0
      return down % 3 > 0 && right % 3 > 0 ? 10.125 : 10
    })
    const crop = { x: 400, y: 300, width: 400, height: 400 }
    expect(choose(view, values)).toEqual({ crop, reason: null })
  })

  it('does not look at the padding', () => {
    // The picture is rows 3 to 6; above it the model attends most.
    const padded: View = { kind: 'pad', width: 1000, height: 400, base: 200, patch: 20 }
    const values = bright([4, 7], [4, 8], [5, 7], [5, 8]).map((value, i) => (i < 30 ? 1000 : value))
    const crop = { x: 700, y: 100, width: 200, height: 200 }
    expect(choose(padded, values)).toEqual({ crop, reason: null })
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(choose(padded, values.with(3, broken))).toEqual({ crop, reason: null })
    }
  })

  it('does not look at padding that ends within rounding of the picture', () => {
    // Rows 9 to 14 show the picture; that row 15 begins where it ends is 26 = 15 * 104 / 24 - 39.
    const padded: View = { kind: 'pad', width: 104, height: 26, base: 48, patch: 2 }
    const values = Array.from({ length: 576 }, (_, i) =>
      i === 9 * 24 + 3 ? 5 : i === 15 * 24 + 20 ? 1000 : 1,
    )
    expect(choose(padded, values)).toEqual({ crop: { x: 0, y: 0, width: 48, height: 26 }, reason: null })
  })

  it('is one cell at least, however small the input against the picture', () => {
    const huge: View = { kind: 'stretch', width: 10_000, height: 10_000, base: 200, patch: 20 }
    const crop = { x: 7400, y: 2400, width: 200, height: 200 }
    expect(choose(huge, bright([2, 7]))).toEqual({ crop, reason: null })
  })

  it('is clipped where the picture is lower than the window', () => {
    const line: View = { kind: 'stretch', width: 2000, height: 50, base: 200, patch: 20 }
    const crop = { x: 1200, y: 0, width: 200, height: 50 }
    expect(choose(line, bright([0, 6]))).toEqual({ crop, reason: null })
  })
})
