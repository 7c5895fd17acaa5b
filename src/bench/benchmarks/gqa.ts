import { z } from 'zod'
import type { Benchmark, Entry, FileContent, ToQuestion } from '../benchmark.ts'
import { exactMatch, plainly } from '../metrics/exact-match.ts'
import { paperContains } from '../metrics/paper-code.ts'
import { byAnswers } from '../scoring.ts'
import { id, imageOf, questionText, readEntries, reading } from './entries.ts'

const schema = z.object({
  id,
  imageId: id,
  question: questionText,
  answer: z.string(),
  types: z.object({ structural: z.string().nullish() }).nullish(),
})

const toQuestion: ToQuestion = reading(schema, (value, entry) => {
  const image = imageOf(value.imageId, `${value.imageId}.jpg`, entry)
  if (typeof image === 'string') return image
  const structure = value.types?.structural ?? null
  return {
    id: value.id,
    image,
    question: value.question,
    mapQuestion: null,
    expected: { type: 'answers', answers: [value.answer] },
    boxes: [],
    tags: structure === null ? {} : { structure },
    isCounted: true,
  }
})

/** The file is one object, of entries by question id. */
function entriesById({ file, value }: FileContent): Entry[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${file}: is not an object of questions by id. Is it the file that its name says?`)
  return Object.entries(value).map(([key, entry]) => ({
    value: { ...entry, id: key },
    where: `${file}: question ${key}`,
    row: null,
  }))
}

/**
 * GQA, balanced testdev (Hudson and Manning 2019): compositional questions about 398 pictures of Visual Genome, one answer
 * each. The questions come in `questions1.2.zip`. In the Parquet form pictures are a table of their own.
 */
export const gqa: Benchmark = {
  name: 'gqa',
  folder: 'gqa',
  title: 'GQA, testdev, balanced: objects, attributes, relations',
  licence: 'CC BY 4.0',
  size: 'questions 1.4 GB and pictures 20 GB with all splits; Parquet 68 MB',
  sources: [
    {
      what: 'questions',
      url: 'https://downloads.cs.stanford.edu/nlp/data/gqa/questions1.2.zip',
    },
    { what: 'pictures', url: 'https://downloads.cs.stanford.edu/nlp/data/gqa/images.zip' },
    { what: 'both, Parquet', url: 'https://huggingface.co/datasets/lmms-lab/GQA' },
  ],
  questionCount: 12578,
  imageCount: 398,
  published: {
    files: [
      {
        role: 'questions',
        names: ['', 'questions/', 'questions1.2/'].map(folder => `${folder}testdev_balanced_questions.json`),
        format: 'json',
        isNeeded: true,
      },
    ],
    imageFolders: ['images'],
    read: ({ questions }) => readEntries(entriesById(questions!), toQuestion),
  },
  parquet: {
    shards: { split: 'testdev', config: 'testdev_balanced_instructions' },
    columns: ['id', 'imageId', 'question', 'answer', 'types'],
    imageShards: { split: 'testdev', config: 'testdev_balanced_images' },
    toQuestion,
  },
  metric: 'exact match',
  scorers: { official: byAnswers(exactMatch, plainly), code: byAnswers(paperContains) },
}
