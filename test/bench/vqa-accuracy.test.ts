import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { normaliseTextVqa, normaliseVqa, vqaAccuracy } from '../../src/bench/metrics/vqa-accuracy.ts'

const people = (count: number, answer: string): string[] =>
  Array.from({ length: 10 }, (_, i) => (i < count ? answer : `other ${i}`))

describe('VQA accuracy', () => {
  test.each([
    [0, 0],
    [1, 0.3],
    [2, 0.6],
    [3, 0.9],
    [4, 1],
    [10, 1],
  ])('of an answer that %i of ten people gave is %d', (count, accuracy) => {
    expect(vqaAccuracy('red', people(count, 'red'))).toBeCloseTo(accuracy, 12)
  })

  it('of the only person’s answer is 0, because nobody else gave it', () => {
    expect(vqaAccuracy('red', ['red'])).toBe(0)
  })

  it('compares normalised answers, also where all people agree', () => {
    expect(vqaAccuracy('The Red.', people(10, 'red'))).toBe(1)
    expect(vqaAccuracy('Yes', people(10, 'yes'))).toBe(1)
  })

  it('takes an empty answer for what it is: one that people may have given', () => {
    expect(vqaAccuracy('', people(4, 'red'))).toBe(0)
    expect(vqaAccuracy('', people(4, ''))).toBe(1)
  })

  it('is the mean over the persons of a third for each other one who agrees, at most 1', () => {
    const answer = fc.constantFrom('red', 'blue', 'green')
    fc.assert(
      fc.property(answer, fc.array(answer, { minLength: 1, maxLength: 12 }), (given, theirs) => {
        const each = theirs.map((_, i) => {
          const others = theirs.filter((_, j) => j !== i)
          return Math.min(1, others.filter(other => other === given).length / 3)
        })
        const mean = each.reduce((sum, value) => sum + value, 0) / each.length
        expect(vqaAccuracy(given, theirs)).toBeCloseTo(mean, 12)
      }),
    )
  })
})

// What the VQA evaluation script gives for these texts was computed with it.
describe('normalisation as the VQA script does it', () => {
  test.each([
    ['lower-cases', 'Red Bus', 'red bus'],
    ['drops articles', 'a cat on the mat', 'cat on mat'],
    ['writes number words as digits', 'ten of none', '10 of 0'],
    ['leaves larger numbers as words', 'eleven', 'eleven'],
    ['puts apostrophes back', 'dont', "don't"],
    ['puts a second apostrophe back', "couldnt've", "couldn't've"],
    ['but not two at once', 'couldntve', 'couldntve'],
    ['has one contraction the wrong way round', "somebody'd", 'somebodyd'],
    ['has no contraction for these', 'lets shes im', 'lets shes im'],
    ['makes a mark inside a word a space', 'blue-green', 'blue green'],
    ['drops a mark beside a space', 'blue - green', 'blue green'],
    ['drops a mark everywhere once it is beside a space anywhere', 'a-b - c-d', 'ab cd'],
    ['drops a mark at the end as a space', 'what?', 'what'],
    ['drops the comma of a number', '1,000', '1000'],
    ['drops every mark without a space if a number has a comma', '1,000 blue-green', '1000 bluegreen'],
    ['keeps the point of a number', '3.5', '3.5'],
    ['keeps a point before a digit', '.5', '.5'],
    ['drops other full stops, inside words too', 'U.S.A.', 'usa'],
    ['drops the full stop after a digit', '5.', '5'],
    ['drops no more than 32 full stops', '.'.repeat(40), '.'.repeat(8)],
    ['keeps colons and dollars', '$5 at 10:30', '$5 at 10:30'],
    ['keeps other letters', 'Über é', 'über é'],
    ['knows digits of other scripts', '٣.٤', '٣.٤'],
    ['treats lines and tabs as spaces', 'a\nred\tbus ', 'red bus'],
    ['leaves names that objects have alone', 'constructor __proto__', 'constructor proto'],
    ['of nothing is nothing', ' ', ''],
  ])('%s', (_, text, normalised) => {
    expect(normaliseVqa(text)).toBe(normalised)
  })
})

describe('normalisation as TextVQA does it', () => {
  test.each([
    ['drops commas and question marks without a space', 'red,blue?green', 'redbluegreen'],
    ['parts a genitive from its word', "Macy's", "macy 's"],
    ['drops the comma of a number and keeps other marks apart', '1,000 blue-green', '1000 blue green'],
    ['does the rest as the VQA script does', 'The Ten.', '10'],
  ])('%s', (_, text, normalised) => {
    expect(normaliseTextVqa(text)).toBe(normalised)
  })
})
