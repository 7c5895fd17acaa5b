import { z } from 'zod'
import type { Box } from '../../image/image.ts'
import type { Benchmark, Entry, FileContent, Read, ToQuestion } from '../benchmark.ts'
import { optionLetter } from '../metrics/options.ts'
import { paperChoice, paperOption } from '../metrics/paper-code.ts'
import type { Problem, Question } from '../question.ts'
import { byOption, expecting } from '../scoring.ts'
import { splitOptions } from './choices.ts'
import { boxOfFour, entriesOf, id, imageOf, questionText, readEntries, reading, stem } from './entries.ts'

const schema = z.object({
  question_id: id,
  image: z.string().optional(),
  text: questionText,
  category: z.string(),
  label: z
    .string()
    .trim()
    .regex(/^[A-Z]$/, 'a letter was expected'),
})

const toQuestion: ToQuestion = reading(
  schema,
  ({ question_id, image: name, text, category, label }, entry) => {
    const parts = splitOptions(text)
    if (parts === null) return 'its text has no options "(A) ..." and "(B) ..."'
    const correct = label.charCodeAt(0) - 65
    if (correct >= parts.options.length) return `its label ${label} is none of its options`
    if (name === undefined && entry.row === null) return 'it names no picture'
    const image = imageOf(name === undefined ? `question ${question_id}` : stem(name), name ?? '', entry)
    if (typeof image === 'string') return image
    return {
      id: question_id,
      image,
      question: text,
      mapQuestion: parts.question,
      expected: { type: 'choice', options: parts.options, correct },
      boxes: [],
      tags: { category },
      isCounted: true,
    }
  },
)

/** The file beside each picture: {target_object, bbox, question, options}. */
const annotation = z.object({ bbox: z.array(boxOfFour) })

const toBoxes = reading(annotation, ({ bbox }): readonly Box[] => bbox)

function read(files: Readonly<Record<string, FileContent | undefined>>): Read {
  const { questions, problems } = readEntries(entriesOf(files.questions!), toQuestion)
  const found: Problem[] = [...problems]
  const withBoxes = questions.map((question): Question => {
    const { image, tags } = question
    const folder = files[tags.category ?? '']
    const value = (folder?.value as Record<string, unknown> | undefined)?.[image.id]
    if (folder === undefined || value === undefined) return question
    const entry: Entry = { value, where: `${folder.file}/${image.id}.json`, row: null }
    const boxes = toBoxes(entry)
    if (typeof boxes !== 'string') return { ...question, boxes }
    found.push({ where: entry.where, problem: `${boxes}: question ${question.id} goes without boxes` })
    return question
  })
  return { questions: withBoxes, problems: found }
}

/**
 * V* (Wu and Xie 2023): small things in large pictures of SA-1B, 115 questions about attributes and 76 about relative
 * positions. `test_questions.jsonl` has the questions with their options in the text, and right letters; each picture has a
 * JSON file beside it with the boxes [x, y, width, height] of what is asked about. The Parquet form has no boxes.
 *
 * The question for the map is the text before the options, which the paper's code calls `short_question`.
 */
export const vstar: Benchmark = {
  name: 'vstar',
  folder: 'vstar',
  title: 'V*: small things in large pictures',
  licence: 'MIT; pictures: SA-1B, research licence',
  size: 'questions 52 kB, pictures about 0.3 GB',
  sources: [
    { what: 'all', url: 'https://huggingface.co/datasets/craigwu/vstar_bench' },
    {
      what: 'without boxes, Parquet',
      url: 'https://huggingface.co/datasets/lmms-lab/vstar-bench',
    },
  ],
  questionCount: 191,
  imageCount: 191,
  published: {
    files: [
      {
        role: 'questions',
        names: ['test_questions.jsonl', 'vstar_bench/test_questions.jsonl'],
        format: 'lines',
        isNeeded: true,
      },
      ...['direct_attributes', 'relative_position'].map(role => ({
        role,
        names: [role, `vstar_bench/${role}`],
        format: 'folder' as const,
        isNeeded: false,
      })),
    ],
    imageFolders: ['', 'vstar_bench'],
    read,
  },
  parquet: {
    shards: { split: 'test', config: null },
    columns: ['question_id', 'text', 'category', 'label'],
    imageShards: null,
    toQuestion,
  },
  metric: 'accuracy, by letter',
  scorers: {
    official: byOption,
    code: (question, answer) => {
      const { options, correct } = expecting('choice', question)
      const value = paperChoice(answer, options, correct)
      return { value, read: optionLetter(paperOption(answer, options)) }
    },
  },
}
