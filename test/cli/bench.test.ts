import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { benchmarks } from '../../src/bench/registry.ts'
import { write, writeJson, writeLines } from '../bench/samples/files.ts'
import { samples } from '../bench/samples/index.ts'
import { writeTextVqaBoxes } from '../bench/samples/textvqa.ts'
import { vqaAnnotations, vqaQuestions, writeVqa } from '../bench/samples/vqav2.ts'
import { folderOfFile, vicrop } from './vicrop.ts'

const root = folderOfFile()

function dataWith(fill: (data: string) => void): string {
  const data = mkdtempSync(join(root, 'data-'))
  fill(data)
  return data
}

const widest = (text: string): number => Math.max(...text.split('\n').map(line => line.length))

describe.concurrent('vicrop bench list', () => {
  it('has a line for each benchmark, and fits 80 columns', async () => {
    const { status, stdout, stderr } = await vicrop(['bench', 'list'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const lines = stdout.split('\n')
    expect(lines.slice(0, benchmarks.length).map(line => line.split(/ {2,}/))).toEqual(
      benchmarks.map(({ name, title }) => [name, name === 'demo' ? 'here' : 'unknown', title]),
    )
    expect(lines.slice(benchmarks.length)).toEqual([
      '',
      '"vicrop bench list NAME" says where to get one, its licence, size and score.',
      '',
    ])
    expect(widest(stdout)).toBeLessThanOrEqual(80)
  })

  it('says of one where it is had', async () => {
    const { stdout } = await vicrop(['bench', 'list', 'vstar'])
    expect(stdout).toBe(`vstar: V*: small things in large pictures
  asks     191 questions, 191 pictures
  score    accuracy, by letter
  licence  MIT; pictures: SA-1B, research licence
  size     questions 52 kB, pictures about 0.3 GB
  from     all: https://huggingface.co/datasets/craigwu/vstar_bench
           without boxes, Parquet:
           https://huggingface.co/datasets/lmms-lab/vstar-bench
  on disk  unknown: name the folder with --data
`)
  })

  const partly = (): string =>
    dataWith(folder => {
      samples.textvqa.asPublished(folder)
      samples.gqa.asParquet(folder)
      writeJson(folder, 'vqav2/v2_OpenEnded_mscoco_val2014_questions.json', {})
    })

  it('says what is on disk', async () => {
    const { stdout } = await vicrop(['bench', 'list', '--data', partly()])
    const states = stdout.split('\n').map(line => line.split(/ {2,}/))
    expect(Object.fromEntries(states.slice(0, benchmarks.length))).toEqual({
      textvqa: 'here',
      vstar: 'no',
      pope: 'no',
      docvqa: 'no',
      aokvqa: 'no',
      'aokvqa-mc': 'no',
      gqa: 'here',
      vqav2: 'in part',
      demo: 'here',
    })
  })

  it.each([
    ['textvqa', 'as published; no textvqa-gt-bbox/**/train-*.parquet'],
    ['pope', 'no'],
    ['gqa', 'Parquet, files: 1'],
    ['vqav2', 'incomplete: no vqav2/v2_mscoco_val2014_annotations.json'],
  ])('and of %s, what of it', async (name, what) => {
    const { stdout } = await vicrop(['bench', 'list', name, '--data', partly()])
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(` on disk ${what} `)
    expect(widest(stdout)).toBeLessThanOrEqual(80)
  })

  it('gives the same as a JSON object a line', async () => {
    const data = dataWith(samples.vstar.asPublished)
    const { stdout } = await vicrop(['bench', 'list', '--json', '--data', data])
    const listed = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(listed.map(({ name }) => name)).toEqual(benchmarks.map(({ name }) => name))
    expect(listed[1]).toMatchObject({
      name: 'vstar',
      questionCount: 191,
      scorers: ['official', 'code'],
      onDisk: { form: 'published', missing: [] },
    })
  })
})

describe.concurrent('vicrop bench prepare', () => {
  it('counts questions, pictures and boxes', async () => {
    const data = dataWith(folder => {
      samples.textvqa.asParquet(folder)
      writeTextVqaBoxes(folder, [
        { dataset_id: '34602', question: 'q', answer: ['a'], bbox: [1, 2, 3, 4], image: null },
      ])
    })
    const { status, stdout, stderr } = await vicrop(['bench', 'prepare', 'textvqa', '--data', data])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toBe(
      [
        'textvqa: ready',
        `  folder     ${data}`,
        '  files      Parquet',
        '  questions  3 of 5,000, 1 with boxes',
        '  pictures   2 found, 0 missing',
        '',
      ].join('\n'),
    )
  })

  it('checks the demo benchmark without a folder', async () => {
    const { status, stdout } = await vicrop(['bench', 'prepare', 'demo'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^demo: ready\n[\s\S]*, 0 missing\n$/)
  })

  it('names what is missing or odd, and ends with 1', async () => {
    const data = dataWith(folder => {
      samples.vqav2.asPublished(folder)
      const [question, other] = vqaQuestions
      writeVqa(folder, [question, question, other], vqaAnnotations)
      rmSync(join(folder, 'coco/val2014/COCO_val2014_000000262148.jpg'))
    })
    const { status, stdout } = await vicrop(['bench', 'prepare', 'vqav2', '--data', data])
    expect(status).toBe(1)
    expect(stdout).toBe(
      [
        'vqav2: not ready',
        `  folder     ${data}`,
        '  files      as published',
        '  questions  2 of 50,000, 0 with boxes',
        '  pictures   1 found, 1 missing',
        '  missing    COCO_val2014_000000262148.jpg',
        '  problems   vqav2/v2_OpenEnded_mscoco_val2014_questions.json: entry 2: question',
        '             262148000 is there already: left out',
        '',
      ].join('\n'),
    )
  })

  it('names the files that are missing, and all of them as JSON', async () => {
    const data = dataWith(folder => writeLines(folder, 'pope/coco_pope_random.json', []))
    const { status, stdout } = await vicrop(['bench', 'prepare', 'pope', '--json', '--data', data])
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toEqual({
      name: 'pope',
      data,
      form: null,
      missingFiles: ['pope/coco_pope_popular.json', 'pope/coco_pope_adversarial.json'],
      missingBoxFiles: [],
      questions: null,
      images: null,
      problems: [],
      isReady: false,
    })
  })

  it('shows ten of many, and says how many more there are', async () => {
    const entries = Array.from({ length: 1012 }, (_, i) => ({
      question_id: i,
      image_id: `picture-${i}`,
      question: 'What?',
      answers: ['x'],
    }))
    const data = dataWith(folder => writeJson(folder, 'textvqa/TextVQA_0.5.1_val.json', { data: entries }))
    const { stdout } = await vicrop(['bench', 'prepare', 'textvqa', '--data', data])
    expect(stdout).toContain('picture-9.jpg')
    expect(stdout).not.toContain('picture-10.jpg')
    expect(stdout).toContain('and 1,002 more: --json names all')
  })
})

describe.concurrent('what cannot be is refused in one line', () => {
  it.each([
    [
      ['bench', 'prepare', 'gpa'],
      2,
      'benchmark "gpa" is not known; known: textvqa, vstar, pope, docvqa, aokvqa, aokvqa-mc, gqa, vqav2, demo',
    ],
    [
      ['bench', 'prepare', 'gqa'],
      2,
      'gqa: no folder to look in. Name the one with a folder for each benchmark: --data FOLDER, or VICROP_DATA.',
    ],
    [
      ['bench', 'list', '--data', '/no/such/folder'],
      1,
      '--data: /no/such/folder: no such folder. Make it, with a folder for each benchmark.',
    ],
    [['bench', 'list', '--data', 'package.json'], 1, '--data: package.json: is not a folder.'],
    [['bench', 'prepare'], 2, "missing required argument 'name'"],
    [['bench', 'lst'], 2, "unknown command 'lst' (Did you mean list?)"],
  ])('%j', async (args, status, message) => {
    const ended = await vicrop(args)
    expect(ended).toEqual({ status, stdout: '', stderr: `vicrop: ${message}\n` })
  })

  it('a file that is not what it should be', async () => {
    const data = dataWith(folder => write(folder, 'gqa/testdev_balanced_questions.json', '{"1": '))
    const { status, stderr } = await vicrop(['bench', 'prepare', 'gqa', '--data', data])
    expect(status).toBe(1)
    expect(stderr).toMatch(
      /^vicrop: gqa\/testdev_balanced_questions.json: is not JSON \(.*\)\. Download it again\.\n$/,
    )
  })
})

it('VICROP_DATA names the folder for who does not say', async () => {
  const data = dataWith(samples.docvqa.asParquet)
  process.env.VICROP_DATA = data
  try {
    const { status, stdout } = await vicrop(['bench', 'prepare', 'docvqa'])
    expect(status).toBe(0)
    expect(stdout).toContain(`folder     ${data}\n`)
  } finally {
    delete process.env.VICROP_DATA
  }
})
