import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { imageKind, type Kind, type Row, writeParquet } from './write-parquet.ts'

// Small benchmarks in the very form in which each is published: the fields that nobody here reads are there too.

export const jpeg: Buffer = await sharp({
  create: { width: 8, height: 6, channels: 3, background: '#c33' },
})
  .jpeg()
  .toBuffer()

export const greyJpeg: Buffer = await sharp({
  create: { width: 8, height: 6, channels: 3, background: '#888' },
})
  .toColourspace('b-w')
  .jpeg()
  .toBuffer()

export const cmykJpeg: Buffer = await sharp({
  create: { width: 8, height: 6, channels: 3, background: '#3c3' },
})
  .toColourspace('cmyk')
  .jpeg()
  .toBuffer()

export function write(folder: string, name: string, content: string | Uint8Array): void {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

export const writeJson = (folder: string, name: string, value: unknown): void =>
  write(folder, name, JSON.stringify(value))

export const writeLines = (folder: string, name: string, values: readonly unknown[]): void =>
  write(folder, name, `${values.map(value => JSON.stringify(value)).join('\n')}\n`)

const ten = (...answers: string[]): string[] =>
  Array.from({ length: 10 }, (_, i) => answers[i % answers.length]!)

/** A benchmark in both its forms. */
export interface Sample {
  readonly asPublished: (data: string) => void
  /** Into two shards where it has enough rows. */
  readonly asParquet: (data: string) => void
}

const textvqaEntries = [
  {
    question_id: 34602,
    image_id: '003a8ae2ef43b901',
    question: 'what is the brand of this camera?',
    answers: ten('nous les gosses', 'dakota', 'clos culombu'),
  },
  {
    question_id: 34603,
    image_id: '003a8ae2ef43b901',
    question: 'what does the small white text spell?',
    answers: ten('', 'copenhagen'),
  },
  {
    question_id: 34604,
    image_id: '3a2b4c',
    question: 'wie heißt die Straße? 通り',
    answers: ten('Überweg 7', '東京'),
  },
].map(entry => ({
  question_tokens: entry.question.split(' '),
  image_width: 1024,
  image_height: 664,
  flickr_original_url: 'https://example.org/o.jpg',
  flickr_300k_url: 'https://example.org/z.jpg',
  image_classes: ['Camera'],
  set_name: 'val',
  ...entry,
}))

const textvqaKinds: Record<string, Kind> = {
  image_id: 'text',
  question_id: 'int32',
  question: 'text',
  question_tokens: { list: 'text' },
  image: imageKind,
  image_width: 'int32',
  image_height: 'int32',
  flickr_original_url: 'text',
  flickr_300k_url: 'text',
  answers: { list: 'text' },
  image_classes: { list: 'text' },
  set_name: 'text',
}

const embedded = (bytes: Uint8Array | null, path: string | null = null) => ({ bytes, path })

export function writeTextVqaBoxes(data: string, rows: readonly Row[]): void {
  const kinds: Record<string, Kind> = {
    image: imageKind,
    question: 'text',
    answer: { list: 'text' },
    dataset_id: 'text',
    bbox: { list: 'double' },
  }
  writeParquet(data, 'TextVQA_GT_bbox/data/train-00000-of-00001.parquet', kinds, rows)
}

const textvqa: Sample = {
  asPublished(data) {
    writeJson(data, 'textvqa/TextVQA_0.5.1_val.json', {
      dataset_type: 'val',
      dataset_name: 'textvqa',
      dataset_version: '0.5.1',
      data: textvqaEntries,
    })
    write(data, 'textvqa/train_images/003a8ae2ef43b901.jpg', jpeg)
    write(data, 'textvqa/train_images/3a2b4c.jpg', greyJpeg)
  },
  asParquet(data) {
    const rows = textvqaEntries.map((entry, i) => ({ ...entry, image: embedded(i < 2 ? jpeg : greyJpeg) }))
    const shard = (i: number): string => `textvqa/data/validation-0000${i}-of-00002.parquet`
    writeParquet(data, shard(0), textvqaKinds, rows.slice(0, 2), { rowGroupSize: 1 })
    writeParquet(data, shard(1), textvqaKinds, rows.slice(2), { codec: 'GZIP' })
  },
}

const vstarLines = [
  {
    image: 'direct_attributes/sa_4690.jpg',
    text: "What is the material of the glove?\n(A) rubber\n(B) cotton\n(C) kevlar\n(D) leather\nAnswer with the option's letter from the given choices directly.",
    category: 'direct_attributes',
    question_id: 0,
    label: 'A',
  },
  {
    image: 'relative_position/sa_12.jpg',
    text: "Is the red car on the left or right side of the dog?\n(A) left\n(B) right\nAnswer with the option's letter from the given choices directly.",
    category: 'relative_position',
    question_id: 115,
    label: 'B',
  },
]

const vstar: Sample = {
  asPublished(data) {
    writeLines(data, 'vstar/test_questions.jsonl', vstarLines)
    write(data, 'vstar/direct_attributes/sa_4690.jpg', jpeg)
    writeJson(data, 'vstar/direct_attributes/sa_4690.json', {
      target_object: ['glove'],
      bbox: [[564, 142, 155, 157]],
      question: 'What is the material of the glove?',
      options: ['The glove is made of rubber.', 'Cotton.'],
    })
    write(data, 'vstar/relative_position/sa_12.jpg', cmykJpeg)
    writeJson(data, 'vstar/relative_position/sa_12.json', {
      target_object: ['red car', 'dog'],
      bbox: [
        [10, 20, 30, 40],
        [50, 60, 7.5, 8],
      ],
      question: 'Is the red car on the left or right side of the dog?',
      options: [],
    })
  },
  asParquet(data) {
    const kinds: Record<string, Kind> = {
      image: imageKind,
      text: 'text',
      category: 'text',
      question_id: 'text',
      label: 'text',
    }
    const rows = vstarLines.map((line, i) => ({
      ...line,
      question_id: String(line.question_id),
      image: embedded(i === 0 ? jpeg : cmykJpeg),
    }))
    writeParquet(data, 'vstar/data/test-00000-of-00001.parquet', kinds, rows)
  },
}

const popeSplits = ['random', 'popular', 'adversarial']
const popeLines = [
  {
    question_id: 1,
    image: 'COCO_val2014_000000310196.jpg',
    text: 'Is there a snowboard in the image?',
    label: 'yes',
  },
  {
    question_id: 2,
    image: 'COCO_val2014_000000310196.jpg',
    text: 'Is there a car in the image?',
    label: 'no',
  },
]

const pope: Sample = {
  asPublished(data) {
    for (const split of popeSplits) writeLines(data, `pope/coco_pope_${split}.json`, popeLines)
    write(data, 'coco/val2014/COCO_val2014_000000310196.jpg', jpeg)
  },
  asParquet(data) {
    const kinds: Record<string, Kind> = {
      id: 'text',
      question_id: 'text',
      question: 'text',
      answer: 'text',
      image_source: 'text',
      image: imageKind,
      category: 'text',
    }
    const rows = popeSplits.flatMap(category =>
      popeLines.map(({ question_id, text, label }) => ({
        id: '0',
        question_id: String(question_id),
        question: text,
        answer: label,
        image_source: 'COCO_val2014_000000310196',
        image: embedded(jpeg),
        category,
      })),
    )
    writeParquet(data, 'pope/data/test-00000-of-00002-1a2b3c.parquet', kinds, rows.slice(0, 4))
    writeParquet(data, 'pope/data/test-00001-of-00002-4d5e6f.parquet', kinds, rows.slice(4))
    // Another configuration of the same repository, whose split has another name.
    writeParquet(data, 'pope/Full/random-00000-of-00001.parquet', kinds, rows.slice(0, 2))
  },
}

const docvqaEntries = [
  {
    questionId: 49153,
    question: 'What is the ‘actual’ value per 1000, during the year 1975?',
    question_types: ['figure/diagram'],
    image: 'documents/pybv0228_81.png',
    docId: 14465,
    ucsf_document_id: 'pybv0228',
    ucsf_document_page_no: '81',
    answers: ['0.28'],
    data_split: 'val',
  },
  {
    questionId: 24580,
    question: 'What is name of university?',
    question_types: ['layout', 'form'],
    image: 'documents/nkbl0226_1.png',
    docId: 7,
    ucsf_document_id: 'nkbl0226',
    ucsf_document_page_no: '1',
    answers: ['university of california', 'University of California, San Diego'],
    data_split: 'val',
  },
]

const docvqa: Sample = {
  asPublished(data) {
    writeJson(data, 'docvqa/spdocvqa_qas/val_v1.0_withQT.json', {
      dataset_name: 'SP-DocVQA',
      dataset_version: '1.0',
      dataset_split: 'val',
      data: docvqaEntries,
    })
    write(data, 'docvqa/spdocvqa_images/pybv0228_81.png', jpeg)
    write(data, 'docvqa/spdocvqa_images/nkbl0226_1.png', jpeg)
  },
  asParquet(data) {
    const kinds: Record<string, Kind> = {
      questionId: 'text',
      question: 'text',
      question_types: { list: 'text' },
      image: imageKind,
      docId: 'int64',
      ucsf_document_id: 'text',
      ucsf_document_page_no: 'text',
      answers: { list: 'text' },
      data_split: 'text',
    }
    const rows = docvqaEntries.map(entry => ({
      ...entry,
      questionId: String(entry.questionId),
      image: embedded(jpeg),
    }))
    writeParquet(data, 'docvqa/DocVQA/validation-00000-of-00001.parquet', kinds, rows)
    writeParquet(data, 'docvqa/InfographicVQA/validation-00000-of-00001.parquet', kinds, rows.slice(0, 1))
  },
}

const aokvqaEntries = [
  {
    split: 'val',
    image_id: 461751,
    question_id: '22jbM6gDxdaMaunuzgrsBB',
    question: "What is in the motorcyclist's mouth?",
    choices: ['toothpick', 'food', 'popsicle stick', 'cigarette'],
    correct_choice_idx: 3,
    direct_answers: ten('cigarette', "smoker's pipe"),
    difficult_direct_answer: false,
    rationales: ['He smokes.'],
  },
  {
    split: 'val',
    image_id: 42,
    question_id: '23qwA8Ktq1DmQ7XQoVW5Pw',
    question: 'Which number birthday is probably being celebrated?',
    choices: ['one', 'ten', 'nine', 'thirty'],
    correct_choice_idx: 0,
    direct_answers: ten('say "one"', 'one'),
    difficult_direct_answer: true,
    rationales: ['There is one candle.'],
  },
]

/** A list as Python prints it. */
const python = (texts: readonly string[]): string =>
  `[${texts.map(text => (text.includes("'") ? `"${text}"` : `'${text}'`)).join(', ')}]`

const aokvqa: Sample = {
  asPublished(data) {
    writeJson(data, 'aokvqa/aokvqa_v1p0_val.json', aokvqaEntries)
    write(data, 'coco/val2017/000000461751.jpg', jpeg)
    write(data, 'coco/val2017/000000000042.jpg', jpeg)
  },
  asParquet(data) {
    const kinds: Record<string, Kind> = {
      image: imageKind,
      question_id: 'text',
      question: 'text',
      choices: { list: 'text' },
      correct_choice_idx: 'int32',
      direct_answers: 'text',
      difficult_direct_answer: 'bool',
      rationales: { list: 'text' },
    }
    const rows = aokvqaEntries.map(entry => ({
      ...entry,
      direct_answers: python(entry.direct_answers),
      image: embedded(jpeg),
    }))
    writeParquet(data, 'aokvqa/data/validation-00000-of-00001-b2bd0de231b6326a.parquet', kinds, rows)
  },
}

const gqaEntries = {
  '201307251': {
    semantic: [{ operation: 'select', dependencies: [], argument: 'car (1)' }],
    entailed: [],
    equivalent: ['201307251'],
    question: 'Is it overcast?',
    imageId: 'n161313',
    isBalanced: true,
    groups: { global: null, local: '13-weather' },
    answer: 'no',
    semanticStr: 'select: car (1)',
    annotations: { answer: {}, question: {}, fullAnswer: {} },
    types: { detailed: 'weatherVerify', semantic: 'global', structural: 'verify' },
    fullAnswer: 'No, it is clear.',
  },
  '201640614': {
    semantic: [],
    entailed: [],
    equivalent: ['201640614'],
    question: 'Who is wearing the dress?',
    imageId: 'n235859',
    isBalanced: true,
    groups: { global: 'person', local: null },
    answer: 'woman',
    semanticStr: '',
    annotations: { answer: {}, question: {}, fullAnswer: {} },
    types: { detailed: 'relS', semantic: 'rel', structural: 'query' },
    fullAnswer: 'The woman is wearing a dress.',
  },
}

const gqa: Sample = {
  asPublished(data) {
    writeJson(data, 'gqa/testdev_balanced_questions.json', gqaEntries)
    write(data, 'gqa/images/n161313.jpg', jpeg)
    write(data, 'gqa/images/n235859.jpg', jpeg)
  },
  asParquet(data) {
    const kinds: Record<string, Kind> = {
      id: 'text',
      imageId: 'text',
      question: 'text',
      answer: 'text',
      fullAnswer: 'text',
      isBalanced: 'bool',
      groups: { fields: { global: 'text', local: 'text' } },
      types: { fields: { structural: 'text', semantic: 'text', detailed: 'text' } },
    }
    const rows = Object.entries(gqaEntries).map(([id, entry]) => ({ ...entry, id }))
    writeParquet(data, 'gqa/testdev_balanced_instructions/testdev-00000-of-00001.parquet', kinds, rows)
    writeParquet(data, 'gqa/testdev_all_instructions/testdev-00000-of-00001.parquet', kinds, rows)
    writeParquet(
      data,
      'gqa/testdev_balanced_images/testdev-00000-of-00001.parquet',
      { id: 'text', image: imageKind },
      ['n235859', 'n161313'].map(id => ({ id, image: embedded(jpeg) })),
    )
  },
}

const vqaAnswers = (...answers: string[]) =>
  ten(...answers).map((answer, i) => ({ answer, answer_confidence: 'yes', answer_id: i + 1 }))

export const vqaQuestions = [
  { image_id: 262148, question: 'Where is he looking?', question_id: 262148000 },
  { image_id: 393225, question: 'Is this a creamy soup?', question_id: 393225000 },
]

export const vqaAnnotations = [
  {
    question_type: 'none of the above',
    multiple_choice_answer: 'down',
    answers: vqaAnswers('down', 'at table'),
    image_id: 262148,
    answer_type: 'other',
    question_id: 262148000,
  },
  {
    question_type: 'is this a',
    multiple_choice_answer: 'no',
    answers: vqaAnswers('no'),
    image_id: 393225,
    answer_type: 'yes/no',
    question_id: 393225000,
  },
]

export function writeVqa(data: string, questions: readonly unknown[], annotations: readonly unknown[]): void {
  const facts = {
    info: { year: 2017, version: '2.0' },
    data_type: 'mscoco',
    data_subtype: 'val2014',
    license: { url: 'http://creativecommons.org/licenses/by/4.0/' },
  }
  const questionFile = { ...facts, task_type: 'Open-Ended', questions }
  writeJson(data, 'vqav2/v2_OpenEnded_mscoco_val2014_questions.json', questionFile)
  writeJson(data, 'vqav2/v2_mscoco_val2014_annotations.json', { ...facts, annotations })
}

const vqav2: Sample = {
  asPublished(data) {
    writeVqa(data, vqaQuestions, vqaAnnotations)
    write(data, 'coco/val2014/COCO_val2014_000000262148.jpg', jpeg)
    write(data, 'coco/val2014/COCO_val2014_000000393225.jpg', jpeg)
  },
  asParquet(data) {
    const kinds: Record<string, Kind> = {
      question_type: 'text',
      multiple_choice_answer: 'text',
      answers: { list: { fields: { answer: 'text', answer_confidence: 'text', answer_id: 'int64' } } },
      image_id: 'int64',
      answer_type: 'text',
      question_id: 'int64',
      question: 'text',
      image: imageKind,
    }
    const rows = vqaQuestions.map((question, i) => ({
      ...vqaAnnotations[i],
      ...question,
      image: embedded(jpeg),
    }))
    writeParquet(data, 'vqav2/data/validation-00000-of-00001.parquet', kinds, rows)
  },
}

export const samples = { textvqa, vstar, pope, docvqa, aokvqa, gqa, vqav2 } as const
