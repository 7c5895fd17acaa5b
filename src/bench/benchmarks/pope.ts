import { z } from 'zod'
import type { Benchmark, Entry, FileContent, Read, ToQuestion } from '../benchmark.ts'
import { paperYesNo } from '../metrics/paper-code.ts'
import { readYesNo } from '../metrics/yes-no.ts'
import { byYesNo } from '../scoring.ts'
import { entriesOf, id, imageOf, questionText, readEntries, reading, stem } from './entries.ts'

const splits = ['random', 'popular', 'adversarial'] as const

const label = z
  .string()
  .transform(text => text.trim().toLowerCase())
  .pipe(z.enum(['yes', 'no']))

const line = z.object({ question_id: id, image: z.string().min(1), text: questionText, label })

const toQuestionOf = (split: string): ToQuestion =>
  reading(line, ({ question_id, image: name, text, label }, entry) =>
    build(split, question_id, name, text, label, entry),
  )

const row = z.object({
  question_id: id,
  image_source: z.string().min(1),
  question: questionText,
  answer: label,
  category: z.enum(splits),
})

const rowToQuestion: ToQuestion = reading(row, (value, entry) =>
  build(value.category, value.question_id, value.image_source, value.question, value.answer, entry),
)

function build(
  split: string,
  questionId: string,
  name: string,
  question: string,
  answer: 'yes' | 'no',
  entry: Entry,
): ReturnType<ToQuestion> {
  const image = imageOf(stem(name), name, entry)
  if (typeof image === 'string') return image
  return {
    // Each split counts from 1.
    id: `${split}/${questionId}`,
    image,
    question,
    mapQuestion: null,
    expected: { type: 'yes-no', answer },
    boxes: [],
    tags: { split },
    isCounted: true,
  }
}

function read(files: Readonly<Record<string, FileContent | undefined>>): Read {
  const parts = splits.map(split => readEntries(entriesOf(files[split]!), toQuestionOf(split)))
  return {
    questions: parts.flatMap(({ questions }) => questions),
    problems: parts.flatMap(({ problems }) => problems),
  }
}

/**
 * POPE (Li et al. 2023): is there such a thing in the picture? Six questions for each of 500 pictures of COCO val2014 in each
 * of three splits, which differ in how things that are not there were chosen. Its files are JSON Lines named `.json`:
 * {question_id, image, text, label}.
 *
 * The paper counts 8,910: of an earlier random split, which had 2,910.
 */
export const pope: Benchmark = {
  name: 'pope',
  folder: 'pope',
  title: 'POPE: is there such a thing in the picture?',
  licence: "MIT; pictures: COCO, Flickr's terms",
  size: 'questions 1 MB, pictures 6.2 GB (COCO val2014)',
  sources: [
    {
      what: 'questions',
      url: 'https://github.com/AoiDragon/POPE/tree/main/output/coco',
    },
    { what: 'pictures', url: 'http://images.cocodataset.org/zips/val2014.zip' },
    { what: 'both, Parquet', url: 'https://huggingface.co/datasets/lmms-lab/POPE' },
  ],
  questionCount: 9000,
  imageCount: 500,
  published: {
    files: splits.map(split => ({
      role: split,
      names: ['', 'coco/', 'output/coco/'].map(folder => `${folder}coco_pope_${split}.json`),
      format: 'lines',
      isNeeded: true,
    })),
    imageFolders: ['val2014', 'images', '/coco/val2014', '/val2014'],
    read,
  },
  parquet: {
    shards: { split: 'test', config: null },
    columns: ['question_id', 'image_source', 'question', 'answer', 'category'],
    imageShards: null,
    toQuestion: rowToQuestion,
  },
  metric: 'accuracy; precision, recall, F1, rate of yes',
  scorers: { official: byYesNo(readYesNo), code: byYesNo(paperYesNo) },
}
