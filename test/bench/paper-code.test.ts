import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import {
  paperAccuracy,
  paperChoice,
  paperContains,
  paperOption,
  paperSubstring,
  paperYesNo,
} from '../../src/bench/metrics/paper-code.ts'
import { matchRatio } from '../../src/bench/metrics/sequence-matcher.ts'
import { vqaAccuracy } from '../../src/bench/metrics/vqa-accuracy.ts'

// Each value was computed with the paper's own get_score.py.

describe('the paper’s code', () => {
  it('scores ten answers as VQA accuracy does', () => {
    const answer = fc.constantFrom('red', 'The red.', 'blue', '')
    fc.assert(
      fc.property(answer, fc.array(answer, { minLength: 10, maxLength: 10 }), (given, people) => {
        expect(paperAccuracy(given, people)).toBeCloseTo(vqaAccuracy(given, people), 12)
      }),
    )
  })

  it('gives a right option no more than 0.3', () => {
    expect(paperChoice('(C) kevlar', ['rubber', 'cotton', 'kevlar', 'leather'], 2)).toBe(0.3)
    expect(paperChoice('kevlar', ['rubber', 'cotton', 'kevlar', 'leather'], 0)).toBe(0)
  })

  test.each([
    ['kevlar', 2],
    ['B', 1],
    ['The answer is leather.', 3],
    ['', 0],
    ['zzz', 0],
  ])('takes "%s" for option %i', (answer, option) => {
    expect(paperOption(answer, ['rubber', 'cotton', 'kevlar', 'leather'])).toBe(option)
  })

  test.each([
    ['No', 'no'],
    ['Yes', 'yes'],
    ['', 'yes'],
    ['NO', 'yes'],
    ['There is not', 'no'],
    ['zzz', 'yes'],
  ])('takes "%s" for %s', (answer, read) => {
    expect(paperYesNo(answer)).toBe(read)
  })

  it('finds an empty answer about a document right, and a capital wrong', () => {
    expect(paperSubstring('', ['invoice'])).toBe(1)
    expect(paperSubstring('voice', ['invoice'])).toBe(1)
    expect(paperSubstring('the invoice', ['invoice'])).toBe(1)
    expect(paperSubstring('Invoice', ['invoice'])).toBe(0)
  })

  it('finds GQA’s answer inside of words', () => {
    expect(paperContains('snow', ['no'])).toBe(1)
    expect(paperContains('on the left side', ['left'])).toBe(1)
    expect(paperContains('right', ['left'])).toBe(0)
  })
})

// Values of Python's difflib.SequenceMatcher(None, a, b).ratio().
describe('the likeness of texts', () => {
  test.each([
    ['', '', 1],
    ['', 'a', 0],
    ['abcd', 'bcde', 0.75],
    ['Yes', 'yes', 2 / 3],
    // Blocks are found longest first, not as the longest common subsequence.
    ['tide', 'diet', 0.25],
    ['diet', 'tide', 0.5],
    ['😀a', '😀b', 0.5],
  ])('of "%s" and "%s" is %d', (a, b, ratio) => {
    expect(matchRatio(a, b)).toBeCloseTo(ratio, 12)
  })

  it('leaves frequent characters of long texts out, unless they lengthen a block', () => {
    const long = 'ab'.repeat(100)
    expect(matchRatio('ab', long)).toBeCloseTo(4 / 202, 12)
    expect(matchRatio('xab', `${long}x`)).toBeCloseTo(2 / 204, 12)
    expect(matchRatio('abx', `${long}x`)).toBeCloseTo(6 / 204, 12)
  })
})
