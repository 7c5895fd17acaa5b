import { z } from 'zod'
import type { Benchmark, ToQuestion } from '../benchmark.ts'
import { exactMatch, plainly } from '../metrics/exact-match.ts'
import { byAnswers } from '../scoring.ts'
import { entriesOf, imageOf, questionText, readEntries, reading } from './entries.ts'

const pixels = z.number().min(0)

const schema = z.object({
  picture: z.string().min(1),
  question: questionText,
  answer: z.string(),
  box: z.object({ x: pixels, y: pixels, width: pixels.positive(), height: pixels.positive() }).nullable(),
  S: z.number().nullable(),
  size: z.string().nullable(),
  family: z.string(),
  words: z.string().optional(),
})

const toQuestion: ToQuestion = reading(schema, (value, entry) => {
  const image = imageOf(value.picture, value.picture, entry)
  if (typeof image === 'string') return image
  const { box, size, family, words } = value
  return {
    // No question has a number of its own, and none is asked twice of a picture.
    id: `${value.picture}: ${value.question}`,
    image,
    question: value.question,
    mapQuestion: null,
    expected: { type: 'answers', answers: [value.answer] },
    boxes: box === null ? [] : [box],
    tags: { family, ...(size !== null && { size }), ...(words !== undefined && { words }) },
    isCounted: true,
  }
})

/**
 * The demo model's own held-out questions, which come with this package: rendered pictures with things and forms whose place
 * is known.
 */
export const demo: Benchmark = {
  name: 'demo',
  folder: 'demo',
  title: "the demo model's held-out questions",
  licence: 'Apache 2.0',
  size: 'comes with vicrop',
  sources: [],
  questionCount: null,
  imageCount: null,
  published: {
    files: [{ role: 'questions', names: ['questions.json'], format: 'json', isNeeded: true }],
    imageFolders: [''],
    read: ({ questions }) => readEntries(entriesOf(questions!), toQuestion),
  },
  parquet: null,
  metric: 'exact match',
  scorers: { official: byAnswers(exactMatch, plainly), code: null },
}
