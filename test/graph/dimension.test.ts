import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addDimensions as add,
  type Dimension,
  evaluateDimension,
  formatShape,
  multiplyDimensions as multiply,
  sameShape,
  sizeOf,
} from '../../src/graph/dimension.ts'

const sizes = { B: 3, P: 17, S: 5 }
const value = (x: Dimension): number => evaluateDimension(x, sizes)

/** Polynomials as the constructors make them: of up to three names, degree and coefficients small. */
const { dimension } = fc.letrec<{ dimension: Dimension; leaf: Dimension }>(tie => ({
  leaf: fc.oneof(fc.integer({ min: -4, max: 9 }), fc.constantFrom('B', 'P', 'S')),
  dimension: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie('leaf'),
    fc.tuple(tie('dimension'), tie('dimension')).map(([a, b]) => add(a, b)),
    fc.tuple(tie('dimension'), tie('dimension')).map(([a, b]) => multiply(a, b)),
  ),
}))

describe('a dimension', () => {
  it('adds and multiplies as the numbers it stands for', () => {
    fc.assert(
      fc.property(dimension, dimension, (a, b) => {
        expect(value(add(a, b))).toBe(value(a) + value(b))
        expect(value(multiply(a, b)) - value(a) * value(b)).toBe(0)
      }),
    )
  })

  it('has one form, however it was come by', () => {
    fc.assert(
      fc.property(dimension, dimension, dimension, (a, b, c) => {
        expect(add(a, b) === add(b, a)).toBe(true)
        expect(multiply(a, b) === multiply(b, a)).toBe(true)
        expect(add(add(a, b), c) === add(a, add(b, c))).toBe(true)
        expect(multiply(multiply(a, b), c) === multiply(a, multiply(b, c))).toBe(true)
        expect(multiply(a, add(b, c)) === add(multiply(a, b), multiply(a, c))).toBe(true)
        expect(add(a, multiply(-1, a)) === 0).toBe(true)
        expect(add(a, 0) === a && multiply(a, 1) === a).toBe(true)
      }),
    )
  })

  it.each<[Dimension, Dimension]>([
    [add('S', 'P'), 'P+S'],
    [add('P', 'S'), 'P+S'],
    [add('S', -1), 'S-1'],
    [add(add('S', 7), -7), 'S'],
    [add('S', 'S'), '2*S'],
    [multiply('S', 'B'), 'B*S'],
    [multiply('B', 577), '577*B'],
    [multiply(-1, 'S'), '-S'],
    [add(4, multiply(-1, 'S')), '-S+4'],
    [add('S', multiply(-1, 'S')), 0],
    [multiply(0, 'S'), 0],
    [multiply(add('S', 1), add('S', -1)), 'S*S-1'],
    [multiply(add('S', 'P'), 2), '2*P+2*S'],
    [add(multiply('S', 'B'), 'B'), 'B+B*S'],
    [add(add('kv_1', 12), multiply(-3, 'Q2')), '-3*Q2+kv_1+12'],
    [add(2, 3), 5],
    [multiply(2, 3), 6],
  ])('is written %s as %s', (made, written) => {
    expect(made).toBe(written)
  })

  it('says which size it lacks', () => {
    expect(() => evaluateDimension('B*S+P', { B: 1, P: 2 })).toThrow('dimension "S" has no size; known: B, P')
  })
})

describe('a shape', () => {
  it('has as many elements as the product of its sizes', () => {
    expect(sizeOf([])).toBe(1)
    expect(sizeOf([2, 3, 4])).toBe(24)
    expect(sizeOf([1, 'S', 8, 'B'])).toBe('8*B*S')
    expect(sizeOf(['S', 0])).toBe(0)
  })

  it('is equal axis by axis and printed in brackets', () => {
    expect(sameShape([1, 'S'], [1, 'S'])).toBe(true)
    expect(sameShape([1, 'S'], ['S', 1])).toBe(false)
    expect(sameShape([1, 'S'], [1])).toBe(false)
    expect(formatShape([1, add('S', 'P'), 64])).toBe('[1,P+S,64]')
    expect(formatShape([])).toBe('[]')
  })
})
