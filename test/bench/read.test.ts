import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetMetadata } from 'hyparquet'
import sharp from 'sharp'
import { describe, expect, it, test } from 'vitest'
import type { Question } from '../../src/bench/question.ts'
import { type OpenBenchmark, openBenchmark } from '../../src/bench/read-node.ts'
import { findBenchmark } from '../../src/bench/registry.ts'
import { decodeImage } from '../../src/image/decode-node.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import {
  cmykJpeg,
  greyJpeg,
  jpeg,
  samples,
  vqaAnnotations,
  vqaQuestions,
  write,
  writeJson,
  writeLines,
  writeTextVqaBoxes,
  writeVqa,
} from './published.ts'

import { imageKind, writeParquet } from './write-parquet.ts'

type SampleName = keyof typeof samples

async function open(name: string, fill: (data: string) => void): Promise<OpenBenchmark> {
  const data = temporaryFolder()
  fill(data)
  return openBenchmark(findBenchmark(name), data)
}

const published = (name: SampleName, as: string = name) => open(as, samples[name].asPublished)
const parquet = (name: SampleName, as: string = name) => open(as, samples[name].asParquet)

/** A question without where its picture is. */
const text = ({ image: _, ...rest }: Question) => rest

const ten = (...answers: string[]): string[] =>
  Array.from({ length: 10 }, (_, i) => answers[i % answers.length]!)

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

describe('pictures', () => {
  it('of these tests are grey and CMYK', async () => {
    expect(await sharp(greyJpeg).metadata()).toMatchObject({ space: 'b-w', channels: 1 })
    expect(await sharp(cmykJpeg).metadata()).toMatchObject({ space: 'cmyk', channels: 4 })
  })

  test.each(['textvqa', 'vstar', 'pope', 'docvqa', 'aokvqa', 'gqa', 'vqav2'] as const)(
    'of %s are found and decoded in both forms, grey and CMYK JPEG too',
    async name => {
      for (const opened of [await published(name), await parquet(name)]) {
        const { questions, readImage, findImages } = opened
        const distinct = new Set(questions.map(({ image }) => image.id)).size
        expect(await findImages()).toEqual({ found: distinct, missing: [] })
        for (const { image } of questions) {
          expect(await decodeImage(await readImage(image))).toMatchObject({ width: 8, height: 6 })
        }
      }
    },
  )

  it('come from the row that has them, in whatever order they are asked for', async () => {
    const { questions, readImage } = await parquet('textvqa')
    const read = async (nth: number): Promise<Buffer> => Buffer.from(await readImage(questions[nth]!.image))
    expect(await read(2)).toEqual(greyJpeg)
    expect(await read(0)).toEqual(jpeg)
    expect(await Promise.all([read(2), read(1), read(2)])).toEqual([greyJpeg, jpeg, greyJpeg])
  })

  it('and the questions of other groups are read, though one group’s pictures are damaged', async () => {
    const shard = 'textvqa/data/validation-00000-of-00002.parquet'
    const opened = await open('textvqa', data => {
      samples.textvqa.asParquet(data)
      const path = join(data, shard)
      const file = readFileSync(path)
      const footer = parquetMetadata(new Uint8Array(file).buffer)
      const chunk = footer.row_groups[1]!.columns.find(
        ({ meta_data }) => meta_data?.path_in_schema.join('.') === 'image.bytes',
      )
      file.fill(
        0xff,
        Number(chunk!.meta_data!.data_page_offset),
        Number(chunk!.meta_data!.data_page_offset) + 64,
      )
      writeFileSync(path, file)
    })
    expect(opened.questions).toHaveLength(3)
    const [first, second, third] = opened.questions.map(({ image }) => image)
    await expect(opened.readImage(second!)).rejects.toThrow(`${shard}: cannot be read as Parquet (`)
    expect(Buffer.from(await opened.readImage(first!))).toEqual(jpeg)
    expect(Buffer.from(await opened.readImage(third!))).toEqual(greyJpeg)
  })

  it('that are missing or empty are named, and are an error only when they are read', async () => {
    const opened = await open('textvqa', data => {
      samples.textvqa.asPublished(data)
      truncateSync(join(data, 'textvqa/train_images/3a2b4c.jpg'))
    })
    expect(await opened.findImages()).toEqual({ found: 1, missing: ['3a2b4c.jpg'] })
    await expect(opened.readImage(opened.questions[2]!.image)).rejects.toThrow(
      'textvqa: picture 3a2b4c.jpg is not there, or empty. Looked in textvqa/train_images, ',
    )
  })

  test.each([true, false])('that a row lacks are named, with statistics: %s', async statistics => {
    const opened = await open('vstar', data => {
      const kinds = {
        image: imageKind,
        text: 'text',
        category: 'text',
        question_id: 'text',
        label: 'text',
      } as const
      const row = { text: 'Where?\n(A) left\n(B) right', category: 'x', label: 'A' }
      const rows = [jpeg, null, jpeg].map((bytes, i) => ({
        ...row,
        question_id: String(i),
        image: { bytes, path: 'a.jpg' },
      }))
      writeParquet(data, 'vstar/data/test-00000-of-00001.parquet', kinds, rows, { statistics })
    })
    const shard = 'vstar/data/test-00000-of-00001.parquet'
    expect(await opened.findImages()).toEqual({ found: 2, missing: [`${shard}: row 2`] })
    await expect(opened.readImage(opened.questions[1]!.image)).rejects.toThrow(
      `${shard}: row 2 has no picture embedded. Get a form that has them.`,
    )
  })

  it('that GQA’s table of pictures lacks are looked for as files', async () => {
    const opened = await open('gqa', data => {
      samples.gqa.asParquet(data)
      writeParquet(
        data,
        'gqa/testdev_balanced_images/testdev-00000-of-00001.parquet',
        { id: 'text', image: imageKind },
        [{ id: 'n161313', image: { bytes: jpeg, path: null } }],
      )
    })
    expect(await opened.findImages()).toEqual({ found: 1, missing: ['n235859.jpg'] })
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

describe('what is wrong with an entry is said, and the others are read:', () => {
  const entry = { question_id: 1, image_id: 'a', question: 'What?', answers: ['x'] }
  const file = 'textvqa/TextVQA_0.5.1_val.json'

  test.each<[what: string, entry: unknown, problem: RegExp]>([
    ['an id that was there before', entry, /^question 1 is there already: left out$/],
    ['no answer', { ...entry, question_id: 2, answers: [] }, /^"answers" is not as expected .*: left out$/],
    ['no question', { question_id: 2, image_id: 'a', answers: ['x'] }, /^"question" is not as expected/],
    ['a question of spaces', { ...entry, question_id: 2, question: ' ' }, /^"question" is not as expected/],
    [
      'an answer that is no text',
      { ...entry, question_id: 2, answers: ['x', 3] },
      /^"answers.1" is not as expected/,
    ],
    ['nothing', null, /^it is not as expected/],
    [
      'a picture that leads out of the folder',
      { ...entry, question_id: 2, image_id: '../../secret' },
      /^its picture "..\/..\/secret.jpg" is no name of a file below the folder: left out$/,
    ],
  ])('%s', async (_, odd, problem) => {
    const { questions, problems } = await open('textvqa', data =>
      writeJson(data, file, { data: [entry, odd, { ...entry, question_id: 3 }] }),
    )
    expect(questions.map(({ id }) => id)).toEqual(['1', '3'])
    expect(problems).toEqual([{ where: `${file}: entry 2`, problem: expect.stringMatching(problem) }])
  })

  test('a question of VQAv2 without its annotation, and an annotation without its question', async () => {
    const [question, other] = vqaQuestions
    const [annotation] = vqaAnnotations
    const stray = { ...annotation, question_id: 5 }
    const { questions, problems } = await open('vqav2', data =>
      writeVqa(data, [question, other], [annotation, stray, annotation]),
    )
    expect(questions.map(({ id }) => id)).toEqual(['262148000'])
    const [asked, annotated] = [
      'vqav2/v2_OpenEnded_mscoco_val2014_questions.json',
      'vqav2/v2_mscoco_val2014_annotations.json',
    ]
    expect(problems).toEqual([
      {
        where: `${asked}: entry 2`,
        problem: `question 393225000 has no annotation in ${annotated}: left out`,
      },
      { where: `${annotated}: entry 3`, problem: 'question 262148000 is annotated already: left out' },
      { where: `${annotated}: entry 2`, problem: `question 5 is not in ${asked}: annotation ignored` },
    ])
  })

  test('options that are none, and a letter beyond them', async () => {
    const line = {
      image: 'a.jpg',
      text: 'Where?\n(A) left\n(B) right',
      category: 'x',
      question_id: 1,
      label: 'A',
    }
    const { questions, problems } = await open('vstar', data =>
      writeLines(data, 'vstar/test_questions.jsonl', [
        line,
        { ...line, question_id: 2, text: 'Where?' },
        { ...line, question_id: 3, label: 'C' },
        { ...line, question_id: 4, label: 'left' },
      ]),
    )
    expect(questions.map(({ id }) => id)).toEqual(['1'])
    expect(problems.map(({ problem }) => problem)).toEqual([
      'its text has no options "(A) ..." and "(B) ...": left out',
      'its label C is none of its options: left out',
      '"label" is not as expected (a letter was expected): left out',
    ])
  })

  test('a box of V* that is none', async () => {
    const { questions, problems } = await open('vstar', data => {
      samples.vstar.asPublished(data)
      writeJson(data, 'vstar/direct_attributes/sa_4690.json', { bbox: [[1, 2, 3]] })
    })
    expect(questions.map(({ boxes }) => boxes.length)).toEqual([0, 2])
    expect(problems).toEqual([
      {
        where: 'vstar/direct_attributes/sa_4690.json',
        problem: expect.stringMatching(/^"bbox.0" is not as expected .*: question 0 goes without boxes$/),
      },
    ])
  })
})

describe('files that cannot be read are one sentence each:', () => {
  const list = 'textvqa/TextVQA_0.5.1_val.json'
  const shard = 'textvqa/data/validation-00000-of-00001.parquet'

  test.each<[what: string, name: string, file: string, content: string | Uint8Array, message: RegExp]>([
    [
      'cut off',
      'textvqa',
      list,
      '{"data": [',
      /^textvqa\/TextVQA_0.5.1_val.json: is not JSON \(.*\). Download it again.$/,
    ],
    ['another file', 'textvqa', list, '[]', /^textvqa\/\S+: is not an object with the list "data"/],
    [
      'not the object of GQA',
      'gqa',
      'gqa/testdev_balanced_questions.json',
      '[]',
      /is not an object of questions by id/,
    ],
    [
      'a bad line',
      'vstar',
      'vstar/test_questions.jsonl',
      '{}\n{',
      /^vstar\/test_questions.jsonl: line 2: is not JSON/,
    ],
    ['no Parquet', 'textvqa', shard, 'hello, world', /validation-\S+: is not a whole Parquet file/],
    ['empty', 'textvqa', shard, '', /validation-\S+: is not a whole Parquet file/],
    [
      'a footer longer than the file',
      'textvqa',
      shard,
      new Uint8Array([80, 65, 82, 49, 255, 255, 255, 3, 80, 65, 82, 49]),
      /its footer of 67108863 bytes cannot be/,
    ],
    [
      'a broken footer',
      'textvqa',
      shard,
      new Uint8Array([80, 65, 82, 49, 255, 255, 255, 255, 4, 0, 0, 0, 80, 65, 82, 49]),
      /cannot be read as Parquet/,
    ],
  ])('%s', async (_, name, file, content, message) => {
    await expect(open(name, data => write(data, file, content))).rejects.toThrow(message)
  })

  it('a Parquet file that was cut off', async () => {
    await expect(
      open('vqav2', data => {
        samples.vqav2.asParquet(data)
        truncateSync(join(data, 'vqav2/data/validation-00000-of-00001.parquet'), 900)
      }),
    ).rejects.toThrow('vqav2/data/validation-00000-of-00001.parquet: is not a whole Parquet file')
  })

  it('a benchmark that is not there', async () => {
    await expect(open('vqav2', () => {})).rejects.toThrow(
      /^vqav2: is not below \S+: no vqav2\/v2_OpenEnded_mscoco_val2014_questions.json, no vqav2\/v2_mscoco_val2014_annotations.json, no vqav2\/\*\*\/validation-\*.parquet. "vicrop bench list" says where to get it.$/,
    )
  })

  it('a Parquet form without pictures', async () => {
    const opened = await open('vstar', data =>
      writeParquet(
        data,
        'vstar/default/test/0000.parquet',
        { text: 'text', category: 'text', question_id: 'text', label: 'text' },
        [{ text: 'Where?\n(A) left\n(B) right', category: 'x', question_id: '1', label: 'A' }],
      ),
    )
    expect(opened.questions).toHaveLength(1)
    await expect(opened.readImage(opened.questions[0]!.image)).rejects.toThrow('has no column "image"')
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
