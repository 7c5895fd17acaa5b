import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { anls, levenshtein } from '../../src/bench/metrics/anls.ts'
import { directAnswer, exactMatch } from '../../src/bench/metrics/exact-match.ts'
import { readOption } from '../../src/bench/metrics/options.ts'
import { readYesNo, yesNoFigures } from '../../src/bench/metrics/yes-no.ts'

describe('ANLS', () => {
  test.each([
    ['is 1 for the right answer', 'invoice', ['invoice'], 1],
    ['takes no notice of case and runs of spaces', ' The  Invoice', ['the invoice'], 13 / 13],
    ['takes one off for a wrong letter, by length', 'invoise', ['invoice'], 1 - 1 / 7],
    ['is one half for half of the letters', 'ab', ['abcd'], 0.5],
    ['is 0 below one half', 'a', ['abc'], 0],
    ['takes the likest right answer', 'abcd', ['zzzz', 'abce'], 0.75],
    ['is 0 for no answer', '', ['abc'], 0],
    ['is 1 for no answer where none is right', '', [''], 1],
    ['counts letters, not the units they are written in', '😀b', ['😀c'], 0.5],
  ])('%s', (_, answer, right, similarity) => {
    expect(anls(answer, right)).toBeCloseTo(similarity, 12)
  })

  it('divides by the text as it came, with its spaces, as the official script does', () => {
    expect(anls('abcz  ', ['abcd'])).toBeCloseTo(1 - 1 / 6, 12)
  })

  it('has a distance that is 0 for equal texts, symmetric, and no more than the longer text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = levenshtein(a, b)
        expect(levenshtein(b, a)).toBe(distance)
        expect(distance === 0).toBe(a === b)
        expect(distance).toBeLessThanOrEqual(Math.max(Array.from(a).length, Array.from(b).length))
      }),
    )
  })
})

describe('exact match', () => {
  test.each([
    ['left', 'left', 1],
    ['Left.', 'left', 1],
    [' left ', 'left', 1],
    ['on the left', 'left', 0],
    ['no', 'snow', 0],
    ['', 'left', 0],
  ])('of "%s" with "%s" is %i', (answer, right, value) => {
    expect(exactMatch(answer, [right])).toBe(value)
  })
})

describe('A-OKVQA’s direct answer', () => {
  test.each([
    [0, 0],
    [1, 1 / 3],
    [2, 2 / 3],
    [3, 1],
    [9, 1],
  ])('that %i of ten people gave is worth %d, with no one left out', (count, value) => {
    const people = Array.from({ length: 10 }, (_, i) => (i < count ? 'surf' : 'swim'))
    expect(directAnswer('Surf.', people)).toBeCloseTo(value, 12)
  })

  it('does not normalise: articles and number words count', () => {
    expect(directAnswer('the surf', ['surf', 'surf', 'surf'])).toBe(0)
    expect(directAnswer('two', ['2', '2', '2'])).toBe(0)
  })
})

describe('POPE’s reading of an answer', () => {
  test.each([
    ['Yes', 'yes'],
    ['No', 'no'],
    ['no.', 'no'],
    ['No, there is no dog', 'no'],
    ['There is not', 'no'],
    ['Yes. There is no doubt', 'yes'],
    ['NO', 'yes'],
    ['none', 'yes'],
    ['', 'yes'],
  ] as const)('takes "%s" for %s', (answer, read) => {
    expect(readYesNo(answer)).toBe(read)
  })

  it('gives the figures of a table of four', () => {
    const times = (count: number, given: 'yes' | 'no', right: 'yes' | 'no') =>
      Array.from({ length: count }, () => ({ given, right }))
    const answered = [
      ...times(6, 'yes', 'yes'),
      ...times(2, 'yes', 'no'),
      ...times(9, 'no', 'no'),
      ...times(3, 'no', 'yes'),
    ]
    const figures = yesNoFigures(answered)
    expect(figures.accuracy).toBeCloseTo(15 / 20, 12)
    expect(figures.precision).toBeCloseTo(6 / 8, 12)
    expect(figures.recall).toBeCloseTo(6 / 9, 12)
    expect(figures.f1).toBeCloseTo(12 / 17, 12)
    expect(figures.yesRate).toBeCloseTo(8 / 20, 12)
  })

  it('has no precision where nobody said yes', () => {
    const figures = yesNoFigures([{ given: 'no', right: 'no' }])
    expect(figures).toMatchObject({ accuracy: 1, precision: Number.NaN, yesRate: 0 })
  })
})

describe('the option that an answer means', () => {
  const colours = ['red', 'dark blue', 'blue', 'the green one']
  test.each<[answer: string, option: number | null]>([
    ['B', 1],
    ['b', 1],
    ['(B)', 1],
    ['B.', 1],
    ['[b]', 1],
    ['B) red', 1],
    ['(B) red', 1],
    ['B: dark', 1],
    ['B. dark blue', 1],
    ['The answer is B', 1],
    ['The answer is (c).', 2],
    ['answer: D', 3],
    ['I choose option C, blue', 2],
    ['Red', 0],
    ['the red.', 0],
    ['Dark-blue', 1],
    ['It looks red to me', 0],
    // Both "blue" and "dark blue" are in it, and the longer one is meant.
    ['It is dark blue', 1],
    ['It is blue', 2],
    ['green one', 3],
    ['red or blue', null],
    ['The answer is a mystery', null],
    ['colored', null],
    ['E', null],
    ['A cat', null],
    ['', null],
  ])('"%s" is %s', (answer, option) => {
    expect(readOption(answer, colours)).toBe(option)
  })

  it('is the letter and not the text, where both could be meant', () => {
    expect(readOption('B', ['b', 'c'])).toBe(1)
  })

  it('is what the letter says, whatever the options', () => {
    const options = fc.array(fc.string(), { minLength: 2, maxLength: 8 })
    fc.assert(
      fc.property(options, fc.nat(), (texts, n) => {
        const option = n % texts.length
        expect(readOption(`(${'ABCDEFGH'[option]})`, texts)).toBe(option)
      }),
    )
  })
})
