import { imageKind, type Kind, writeParquet } from '../write-parquet.ts'
import { embedded, jpeg, type Sample, ten, write, writeJson } from './files.ts'

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

export const aokvqa: Sample = {
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
