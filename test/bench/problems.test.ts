import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { write, writeJson, writeLines } from './samples/files.ts'
import { open, samples } from './samples/index.ts'
import { vqaAnnotations, vqaQuestions, writeVqa } from './samples/vqav2.ts'
import { writeParquet } from './write-parquet.ts'

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
      /^vqav2: is not below \S+: no vqav2\/v2_OpenEnded_mscoco_val2014_questions.json, no vqav2\/v2_mscoco_val2014_annotations.json, no vqav2\/\*\*\/validation-\*.parquet. "vicrop bench list vqav2" says where to get it.$/,
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
