import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import type { ScorerName } from '../../src/bench/benchmark.ts'
import { splitOptions, withOptions } from '../../src/bench/benchmarks/choices.ts'
import { parsePythonList } from '../../src/bench/benchmarks/python-list.ts'
import type { Expected, Question, Score } from '../../src/bench/question.ts'
import { benchmarks, findBenchmark } from '../../src/bench/registry.ts'
import { sampleById, sampleNumber } from '../../src/bench/sample.ts'
import { meanScore } from '../../src/bench/scoring.ts'

const asking = (expected: Expected, isCounted = true): Question => ({
  id: '1',
  image: { in: 'folder', id: 'a', name: 'a.jpg' },
  question: 'What?',
  mapQuestion: null,
  expected,
  boxes: [],
  tags: {},
  isCounted,
})

const of = (...answers: string[]): Expected => ({ type: 'answers', answers })
const ten = (...answers: string[]): Expected =>
  of(...Array.from({ length: 10 }, (_, i) => answers[i] ?? `other ${i}`))
const options: Expected = { type: 'choice', options: ['rubber', 'cotton'], correct: 1 }

describe('a benchmark scores an answer', () => {
  test.each<[name: string, scorer: ScorerName, expected: Expected, answer: string, score: Score]>([
    ['textvqa', 'official', ten("macy's", "macy's"), "Macy 's", { value: 0.6, read: "macy 's" }],
    ['textvqa', 'code', ten("macy's", "macy's"), "Macy 's", { value: 0, read: "Macy 's" }],
    ['vqav2', 'official', ten('2', '2', '2', '2'), 'Two', { value: 1, read: '2' }],
    ['vstar', 'official', options, 'B', { value: 1, read: 'B' }],
    ['vstar', 'official', options, 'wool', { value: 0, read: null }],
    ['vstar', 'code', options, '(B) cotton', { value: 0.3, read: 'B' }],
    ['vstar', 'code', options, '', { value: 0, read: 'A' }],
    ['pope', 'official', { type: 'yes-no', answer: 'no' }, 'There is not.', { value: 1, read: 'no' }],
    ['pope', 'code', { type: 'yes-no', answer: 'no' }, 'NO', { value: 0, read: 'yes' }],
    ['docvqa', 'official', of('invoice'), '', { value: 0, read: '' }],
    ['docvqa', 'code', of('invoice'), '', { value: 1, read: '' }],
    ['aokvqa', 'official', of('surf', 'surf', 'swim'), 'Surf.', { value: 2 / 3, read: 'surf' }],
    ['aokvqa', 'code', ten('surf', 'surf'), 'Surf.', { value: 0.6, read: 'Surf.' }],
    ['aokvqa-mc', 'official', options, 'cotton', { value: 1, read: 'B' }],
    ['gqa', 'official', of('no'), 'snow', { value: 0, read: 'snow' }],
    ['gqa', 'code', of('no'), 'snow', { value: 1, read: 'snow' }],
    ['demo', 'official', of('H'), 'h', { value: 1, read: 'h' }],
  ])('%s, %s: %j "%s"', (name, scorer, expected, answer, { value, read }) => {
    const score = findBenchmark(name).scorers[scorer]!(asking(expected), answer)
    expect(score.read).toBe(read)
    expect(score.value).toBeCloseTo(value as number, 12)
  })

  it('and leaves out what its publisher leaves out, which the paper’s code counts', () => {
    const difficult = asking(ten('surf', 'surf', 'surf', 'surf'), false)
    const { official, code } = findBenchmark('aokvqa').scorers
    expect(official(difficult, 'surf')).toEqual({ value: null, read: 'surf' })
    expect(code!(difficult, 'surf').value).toBe(1)
  })

  it('and says so if the question is of another benchmark', () => {
    expect(() => findBenchmark('pope').scorers.official(asking(options), 'yes')).toThrow(
      'question 1: has choice, and is to be scored by yes-no',
    )
  })

  it('never with more than 1 or less than 0, whatever the answer', () => {
    const expected: Record<string, Expected> = {
      pope: { type: 'yes-no', answer: 'yes' },
      gqa: of('a'),
      vstar: options,
      'aokvqa-mc': options,
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), answer => {
        for (const { name, scorers } of benchmarks) {
          const question = asking(expected[name] ?? ten('red', 'a', ''))
          for (const score of [scorers.official, scorers.code ?? scorers.official]) {
            const { value } = score(question, answer)
            expect(value).toBeGreaterThanOrEqual(0)
            expect(value).toBeLessThanOrEqual(1)
          }
        }
      }),
    )
  })
})

it('the mean is over the scores that count', () => {
  const scores = [1, null, 0, 0.5].map(value => ({ value, read: '' }))
  expect(meanScore(scores)).toBe(0.5)
  expect(meanScore([])).toBeNaN()
})

it('an unknown benchmark is refused with the known ones', () => {
  expect(() => findBenchmark('gpa')).toThrow(
    'benchmark "gpa" is not known; known: textvqa, vstar, pope, docvqa, aokvqa, aokvqa-mc, gqa, vqav2, demo',
  )
})

describe('a sample', () => {
  const questions = Array.from({ length: 2000 }, (_, i) => ({ id: String(262148000 + i) }))

  it('is of the size asked for, in the order of the questions, and all of fewer', () => {
    const sample = sampleById(questions, { count: 500, seed: 1 })
    expect(sample).toHaveLength(500)
    expect(sample).toEqual(questions.filter(question => sample.includes(question)))
    expect(sampleById(questions, { count: 2000, seed: 1 })).toBe(questions)
  })

  it('is the same in whatever order the questions come, and another for another seed', () => {
    const ids = (of: readonly { id: string }[]): string[] => of.map(({ id }) => id).toSorted()
    const sample = ids(sampleById(questions, { count: 500, seed: 1 }))
    expect(ids(sampleById(questions.toReversed(), { count: 500, seed: 1 }))).toEqual(sample)
    const other = ids(sampleById(questions, { count: 500, seed: 2 }))
    const shared = other.filter(id => sample.includes(id)).length
    // 125 of 500 by chance, with a deviation of 8.4.
    expect(Math.abs(shared - 125)).toBeLessThan(42)
  })

  it('takes from everywhere alike', () => {
    const sample = new Set(sampleById(questions, { count: 1000, seed: 1 }))
    for (let from = 0; from < 2000; from += 200) {
      const taken = questions.slice(from, from + 200).filter(question => sample.has(question)).length
      // 100 of 200 by chance, with a deviation of 6.7.
      expect(Math.abs(taken - 100)).toBeLessThan(34)
    }
  })

  it('is drawn by numbers that stay as they were published', () => {
    expect(['262148000', '393225000', 'é'].map(id => sampleNumber(id, 2025))).toEqual([
      2_343_534_455, 3_522_740_668, 2_234_352_424,
    ])
  })
})

describe('options in a question’s text', () => {
  it('are found on lines or in a row, with or without the instruction', () => {
    const parts = { question: 'Which one?', options: ['red (dark)', 'blue'] }
    expect(splitOptions(withOptions('Which one?', parts.options))).toEqual(parts)
    expect(splitOptions('Which one? (A) red (dark) (B) blue')).toEqual(parts)
  })

  it('are two at least', () => {
    expect(splitOptions('Which one? (A) red')).toBeNull()
    expect(splitOptions('Which one? (B) red (C) blue')).toBeNull()
  })

  it('come back as they went in', () => {
    const text = fc.stringMatching(/^[a-z]([a-z ]*[a-z])?$/)
    fc.assert(
      fc.property(text, fc.array(text, { minLength: 2, maxLength: 26 }), (question, options) => {
        expect(splitOptions(withOptions(question, options))).toEqual({ question, options })
      }),
    )
  })
})

describe('a list that Python printed', () => {
  test.each<[printed: string, list: string[] | null]>([
    ["['it', 'is']", ['it', 'is']],
    [`["it's", 'a "b"']`, ["it's", 'a "b"']],
    [String.raw`['it\'s', 'a\\b', 'a\nb', '\xe9', '\u6771']`, ["it's", 'a\\b', 'a\nb', 'é', '東']],
    ['[]', []],
    ["[ '' ]", ['']],
    ["'it'", null],
    ['[it]', null],
    ["['it]", null],
    ['[1, 2]', null],
  ])('%s', (printed, list) => {
    expect(parsePythonList(printed)).toEqual(list)
  })
})
