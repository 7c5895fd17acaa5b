import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import type { Question } from '../../src/bench/question.ts'
import { openBenchmark } from '../../src/bench/read/read-node.ts'
import { findBenchmark } from '../../src/bench/registry.ts'
import { ten } from './samples/files.ts'
import { open, parquet, published, samples } from './samples/index.ts'
import { writeTextVqaBoxes } from './samples/textvqa.ts'
import { writeParquet } from './write-parquet.ts'

/** A question without where its picture is. */
const text = ({ image: _, ...rest }: Question) => rest

describe('a published benchmark gives its questions:', () => {
  test('TextVQA', async () => {
    const { questions, problems } = await published('textvqa')
    expect(problems).toEqual([])
    expect(questions[1]).toEqual({
      id: '34603',
      image: { in: 'folder', id: '003a8ae2ef43b901', name: '003a8ae2ef43b901.jpg' },
      question: 'what does the small white text spell?',
      mapQuestion: null,
      expected: { type: 'answers', answers: ten('', 'copenhagen') },
      boxes: [],
      tags: {},
      isCounted: true,
    })
    expect(questions[2]).toMatchObject({
      question: 'wie heißt die Straße? 通り',
      expected: { answers: ten('Überweg 7', '東京') },
    })
  })

  test('V*, with its short question, options and boxes', async () => {
    const { questions, problems } = await published('vstar')
    expect(problems).toEqual([])
    expect(questions).toHaveLength(2)
    expect(questions[0]).toEqual({
      id: '0',
      image: { in: 'folder', id: 'sa_4690', name: 'direct_attributes/sa_4690.jpg' },
      question:
        "What is the material of the glove?\n(A) rubber\n(B) cotton\n(C) kevlar\n(D) leather\nAnswer with the option's letter from the given choices directly.",
      mapQuestion: 'What is the material of the glove?',
      expected: { type: 'choice', options: ['rubber', 'cotton', 'kevlar', 'leather'], correct: 0 },
      boxes: [{ x: 564, y: 142, width: 155, height: 157 }],
      tags: { category: 'direct_attributes' },
      isCounted: true,
    })
    expect(questions[1]).toMatchObject({
      id: '115',
      expected: { options: ['left', 'right'], correct: 1 },
      boxes: [
        { x: 10, y: 20, width: 30, height: 40 },
        { x: 50, y: 60, width: 7.5, height: 8 },
      ],
    })
  })

  test('POPE, whose splits count from 1 each', async () => {
    const { questions, problems } = await published('pope')
    expect(problems).toEqual([])
    expect(questions.map(({ id }) => id)).toEqual([
      'random/1',
      'random/2',
      'popular/1',
      'popular/2',
      'adversarial/1',
      'adversarial/2',
    ])
    expect(questions[3]).toMatchObject({
      question: 'Is there a car in the image?',
      expected: { type: 'yes-no', answer: 'no' },
      image: { id: 'COCO_val2014_000000310196', name: 'COCO_val2014_000000310196.jpg' },
      tags: { split: 'popular' },
    })
  })

  test('DocVQA, with every right answer', async () => {
    const { questions } = await published('docvqa')
    expect(questions[1]).toMatchObject({
      id: '24580',
      image: { in: 'folder', id: 'nkbl0226_1', name: 'nkbl0226_1.png' },
      expected: {
        type: 'answers',
        answers: ['university of california', 'University of California, San Diego'],
      },
      tags: { 'question type': 'layout' },
    })
  })

  test('A-OKVQA, direct answer: difficult ones do not count', async () => {
    const { questions } = await published('aokvqa')
    expect(questions[0]).toMatchObject({
      id: '22jbM6gDxdaMaunuzgrsBB',
      image: { in: 'folder', id: '461751', name: '000000461751.jpg' },
      question: "What is in the motorcyclist's mouth?",
      mapQuestion: null,
      expected: { type: 'answers', answers: ten('cigarette', "smoker's pipe") },
      isCounted: true,
    })
    expect(questions[1]).toMatchObject({ isCounted: false })
  })

  test('A-OKVQA, multiple choice: options after the question, which is the map’s', async () => {
    const { questions } = await published('aokvqa', 'aokvqa-mc')
    expect(questions[1]).toMatchObject({
      question:
        "Which number birthday is probably being celebrated?\n(A) one\n(B) ten\n(C) nine\n(D) thirty\nAnswer with the option's letter from the given choices directly.",
      mapQuestion: 'Which number birthday is probably being celebrated?',
      expected: { type: 'choice', options: ['one', 'ten', 'nine', 'thirty'], correct: 0 },
      isCounted: true,
    })
  })

  test('GQA', async () => {
    const { questions } = await published('gqa')
    expect(questions[1]).toMatchObject({
      id: '201640614',
      image: { in: 'folder', id: 'n235859', name: 'n235859.jpg' },
      expected: { type: 'answers', answers: ['woman'] },
      tags: { structure: 'query' },
    })
  })

  test('VQAv2, joined with its annotations', async () => {
    const { questions, problems } = await published('vqav2')
    expect(problems).toEqual([])
    expect(questions[0]).toMatchObject({
      id: '262148000',
      image: { in: 'folder', id: '262148', name: 'COCO_val2014_000000262148.jpg' },
      question: 'Where is he looking?',
      expected: { type: 'answers', answers: ten('down', 'at table') },
      tags: { 'answer type': 'other' },
    })
  })

  test('the demo benchmark, as it is in this repository', async () => {
    const data = join(import.meta.dirname, '../../demo')
    const demo = { ...findBenchmark('demo'), folder: 'benchmark' }
    const { questions, problems, findImages } = await openBenchmark(demo, data)
    expect(problems).toEqual([])
    expect(questions.length).toBeGreaterThan(1000)
    const { found, missing } = await findImages()
    expect({ found, missing }).toEqual({
      found: new Set(questions.map(({ image }) => image.id)).size,
      missing: [],
    })
    expect(questions[0]).toMatchObject({ boxes: [{ width: expect.any(Number) }], tags: { family: 'read' } })
  })
})

describe('as Parquet', () => {
  test.each([
    ['textvqa', 'textvqa'],
    ['pope', 'pope'],
    ['docvqa', 'docvqa'],
    ['aokvqa', 'aokvqa'],
    ['aokvqa', 'aokvqa-mc'],
    ['gqa', 'gqa'],
    ['vqav2', 'vqav2'],
  ] as const)('%s gives the same questions as published', async (sample, as) => {
    const [one, other] = [await published(sample, as), await parquet(sample, as)]
    expect([one.onDisk.form, other.onDisk.form]).toEqual(['published', 'parquet'])
    expect(other.problems).toEqual([])
    expect(other.questions.map(text)).toEqual(one.questions.map(text))
    expect(other.questions.every(({ image }) => image.in === 'parquet')).toBe(true)
  })

  it('gives V* without its boxes, which the owners alone publish', async () => {
    const [one, other] = [await published('vstar'), await parquet('vstar')]
    expect(other.questions.map(text)).toEqual(
      one.questions.map(question => ({ ...text(question), boxes: [] })),
    )
  })

  it('keeps pictures together that several questions are about', async () => {
    const { questions } = await parquet('textvqa')
    expect(questions.map(({ image }) => image.id)).toEqual(['003a8ae2ef43b901', '003a8ae2ef43b901', '3a2b4c'])
  })
})

describe('TextVQA’s boxes', () => {
  const boxes = [
    { dataset_id: '34602', question: 'q', answer: ['a'], bbox: [10, 20, 30, 40], image: null },
    { dataset_id: '34604', question: 'q', answer: ['a'], bbox: [1.5, 2, 3, 4], image: null },
  ]

  test.each(['asPublished', 'asParquet'] as const)('come to their questions, %s', async form => {
    const { questions, problems, onDisk } = await open('textvqa', data => {
      samples.textvqa[form](data)
      writeTextVqaBoxes(data, boxes)
    })
    expect(problems).toEqual([])
    expect(onDisk.missingBoxes).toEqual([])
    expect(questions.map(question => question.boxes)).toEqual([
      [{ x: 10, y: 20, width: 30, height: 40 }],
      [],
      [{ x: 1.5, y: 2, width: 3, height: 4 }],
    ])
  })

  it('of no question, or that are none, are left out and named', async () => {
    const { questions, problems } = await open('textvqa', data => {
      samples.textvqa.asPublished(data)
      writeTextVqaBoxes(data, [
        { ...boxes[0], dataset_id: '7' },
        { ...boxes[0], bbox: [1, 2, 0, 4] },
        boxes[1]!,
      ])
    })
    const file = 'TextVQA_GT_bbox/data/train-00000-of-00001.parquet'
    expect(problems).toEqual([
      { where: `${file}: row 1`, problem: 'no question 7 for its box: left out' },
      {
        where: `${file}: row 2`,
        problem: expect.stringMatching(/^"bbox\.2" is not as expected .*: box left out$/),
      },
    ])
    expect(questions.map(question => question.boxes.length)).toEqual([0, 0, 1])
  })

  it('are said to be missing, and the questions are there without', async () => {
    const { questions, onDisk } = await published('textvqa')
    expect(questions).toHaveLength(3)
    expect(onDisk.missing).toEqual([])
    expect(onDisk.missingBoxes).toEqual(['textvqa-gt-bbox/**/train-*.parquet'])
  })
})

it('names the shards that are missing', async () => {
  const { onDisk, questions } = await open('textvqa', data => {
    samples.textvqa.asParquet(data)
    writeParquet(data, 'textvqa/data/validation-00003-of-00005.parquet', { question_id: 'int32' }, [])
  })
  expect(onDisk.missing).toEqual([
    'textvqa/**/validation-00002-of-00005*.parquet',
    'textvqa/**/validation-00004-of-00005*.parquet',
  ])
  expect(questions).toHaveLength(3)
})

it('takes the publishers’ files where both forms are there', async () => {
  const { onDisk } = await open('gqa', data => {
    samples.gqa.asParquet(data)
    samples.gqa.asPublished(data)
  })
  expect(onDisk.form).toBe('published')
})
