import { z } from 'zod'
import type { Benchmark, Entry, FileContent, Read, ToQuestion } from '../benchmark.ts'
import { paperAccuracy } from '../metrics/paper-code.ts'
import { normaliseVqa, vqaAccuracy } from '../metrics/vqa-accuracy.ts'
import type { Problem } from '../question.ts'
import { sampleById } from '../sample.ts'
import { byAnswers } from '../scoring.ts'
import { entriesOf, id, imageOf, questionText, readEntries, reading } from './entries.ts'

/** What the questions' and the annotations' file say of a question, together; a row of the Parquet form has it all. */
const schema = z.object({
  question_id: id,
  image_id: id,
  question: questionText,
  answer_type: z.string().nullish(),
  answers: z.array(z.object({ answer: z.string() })).min(1),
})

const toQuestion: ToQuestion = reading(schema, (value, entry) => {
  const image = imageOf(value.image_id, `COCO_val2014_${value.image_id.padStart(12, '0')}.jpg`, entry)
  if (typeof image === 'string') return image
  return {
    id: value.question_id,
    image,
    question: value.question,
    mapQuestion: null,
    expected: { type: 'answers', answers: value.answers.map(({ answer }) => answer) },
    boxes: [],
    tags: value.answer_type ? { 'answer type': value.answer_type } : {},
    isCounted: true,
  }
})

const idOf = reading(z.object({ question_id: id }), ({ question_id }) => ({ id: question_id }))

/** Joins questions and annotations by question id; what has no partner is named. */
function read({ questions, annotations }: Readonly<Record<string, FileContent | undefined>>): Read {
  const asked = entriesOf(questions!, 'questions')
  const annotated = new Map<string, Entry>()
  const problems: Problem[] = []
  for (const entry of entriesOf(annotations!, 'annotations')) {
    const read = idOf(entry)
    if (typeof read === 'string') problems.push({ where: entry.where, problem: `${read}: left out` })
    else if (annotated.has(read.id))
      problems.push({ where: entry.where, problem: `question ${read.id} is annotated already: left out` })
    else annotated.set(read.id, entry)
  }
  const partners = new Set<string>()
  const joined = readEntries(asked, entry => {
    const read = idOf(entry)
    if (typeof read === 'string') return read
    const annotation = annotated.get(read.id)
    if (annotation === undefined) return `question ${read.id} has no annotation in ${annotations!.file}`
    partners.add(read.id)
    return toQuestion({ ...entry, value: { ...(annotation.value as object), ...(entry.value as object) } })
  })
  for (const [questionId, { where }] of annotated) {
    if (!partners.has(questionId))
      problems.push({
        where,
        problem: `question ${questionId} is not in ${questions!.file}: annotation ignored`,
      })
  }
  return { questions: joined.questions, problems: [...joined.problems, ...problems] }
}

/** How many of the 214,354 questions the paper asks, and which: it does not say, so these are ours. */
export const vqav2Sample = { count: 50_000, seed: 2025 } as const

/**
 * VQAv2, validation (Goyal et al. 2017): everyday questions about pictures of COCO val2014, ten answers each. Of its 214,354
 * questions the paper takes 50,000 at random without saying which; here they are those of `sampleById` with seed 2025.
 */
export const vqav2: Benchmark = {
  name: 'vqav2',
  folder: 'vqav2',
  title: 'VQAv2, validation, 50,000 of 214,354: everyday questions',
  licence: "CC BY 4.0; pictures: COCO, Flickr's terms",
  size: 'questions and annotations 20 MB zipped, pictures 6.2 GB',
  sources: [
    { what: 'questions and annotations', url: 'https://visualqa.org/download.html' },
    { what: 'pictures', url: 'http://images.cocodataset.org/zips/val2014.zip' },
    { what: 'all, Parquet', url: 'https://huggingface.co/datasets/lmms-lab/VQAv2' },
  ],
  questionCount: vqav2Sample.count,
  imageCount: null,
  published: {
    files: [
      {
        role: 'questions',
        names: ['v2_OpenEnded_mscoco_val2014_questions.json'],
        format: 'json',
        isNeeded: true,
      },
      {
        role: 'annotations',
        names: ['v2_mscoco_val2014_annotations.json'],
        format: 'json',
        isNeeded: true,
      },
    ],
    imageFolders: ['val2014', 'images', '/coco/val2014', '/val2014'],
    read,
  },
  parquet: {
    shards: { split: 'validation', config: null },
    columns: ['question_id', 'image_id', 'question', 'answer_type', 'answers'],
    imageShards: null,
    toQuestion,
  },
  sample: questions => sampleById(questions, vqav2Sample),
  metric: 'VQA accuracy',
  scorers: { official: byAnswers(vqaAccuracy, normaliseVqa), code: byAnswers(paperAccuracy) },
}
