import { imageKind, type Kind, writeParquet } from '../write-parquet.ts'
import { embedded, jpeg, type Sample, ten, write, writeJson } from './files.ts'

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

export const vqav2: Sample = {
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
