import { z } from 'zod'
import type { Benchmark, Scorers, ToQuestion } from '../benchmark.ts'
import { directAnswer, plainly } from '../metrics/exact-match.ts'
import { mostOptions } from '../metrics/options.ts'
import { paperAccuracy } from '../metrics/paper-code.ts'
import { byAnswers, byOption, ofCounted } from '../scoring.ts'
import { withOptions } from './choices.ts'
import { entriesOf, id, imageOf, questionText, readEntries, reading } from './entries.ts'
import { parsePythonList } from './python-list.ts'

/** The owners publish a list; the Parquet form has Python's way to print it. */
const directAnswers = z
  .union([z.array(z.string()), z.string().transform(parsePythonList)])
  .pipe(z.array(z.string()).min(1))

const schema = z.object({
  question_id: id,
  image_id: id.optional(),
  question: questionText,
  choices: z.array(z.string()).min(2).max(mostOptions),
  correct_choice_idx: z.int().min(0),
  direct_answers: directAnswers,
  difficult_direct_answer: z.boolean(),
})

type Setting = 'direct answer' | 'multiple choice'

const toQuestionOf = (setting: Setting): ToQuestion =>
  reading(schema, (value, entry) => {
    const { question_id, question, choices, correct_choice_idx: correct, image_id } = value
    if (correct >= choices.length) return `its correct choice ${correct} is none of its ${choices.length}`
    if (image_id === undefined && entry.row === null) return 'it names no picture'
    const imageId = image_id ?? `question ${question_id}`
    const image = imageOf(imageId, `${imageId.padStart(12, '0')}.jpg`, entry)
    if (typeof image === 'string') return image
    const isChoice = setting === 'multiple choice'
    return {
      id: question_id,
      image,
      question: isChoice ? withOptions(question, choices) : question,
      mapQuestion: isChoice ? question : null,
      expected: isChoice
        ? { type: 'choice', options: choices, correct }
        : { type: 'answers', answers: value.direct_answers },
      boxes: [],
      tags: {},
      isCounted: isChoice || !value.difficult_direct_answer,
    }
  })

function inSetting(setting: Setting, name: string, metric: string, scorers: Scorers): Benchmark {
  const toQuestion = toQuestionOf(setting)
  return {
    name,
    folder: 'aokvqa',
    title: `A-OKVQA, validation, ${setting}: world knowledge`,
    licence: "Apache 2.0; pictures: COCO, Flickr's terms",
    size: 'questions 1 MB, pictures 0.8 GB (COCO val2017); Parquet 60 MB',
    sources: [
      {
        what: 'questions',
        url: 'https://github.com/allenai/aokvqa',
      },
      { what: 'pictures', url: 'http://images.cocodataset.org/zips/val2017.zip' },
      { what: 'both, Parquet', url: 'https://huggingface.co/datasets/HuggingFaceM4/A-OKVQA' },
    ],
    questionCount: 1145,
    imageCount: 1122,
    published: {
      files: [
        {
          role: 'questions',
          names: ['aokvqa_v1p0_val.json', 'aokvqa/aokvqa_v1p0_val.json'],
          format: 'json',
          isNeeded: true,
        },
      ],
      imageFolders: ['val2017', 'images', '/coco/val2017', '/val2017'],
      read: ({ questions }) => readEntries(entriesOf(questions!), toQuestion),
    },
    parquet: {
      shards: { split: 'validation', config: null },
      columns: [
        'question_id',
        'question',
        'choices',
        'correct_choice_idx',
        'direct_answers',
        'difficult_direct_answer',
      ],
      imageShards: null,
      toQuestion,
    },
    metric,
    scorers,
  }
}

/**
 * A-OKVQA, validation (Schwenk et al. 2022), answered in one's own words: questions that need knowledge of the world, about
 * pictures of COCO val2017, ten answers each. Its owners' score leaves questions out that are marked as difficult to
 * answer directly; the paper's code does not.
 */
export const aokvqa: Benchmark = inSetting('direct answer', 'aokvqa', 'direct answer accuracy', {
  official: ofCounted(byAnswers(directAnswer, plainly)),
  code: byAnswers(paperAccuracy),
})

/** The same questions with four options to choose from, put as V* puts them. The paper does not use it. */
export const aokvqaChoice: Benchmark = inSetting('multiple choice', 'aokvqa-mc', 'accuracy, by letter', {
  official: byOption,
  code: null,
})
