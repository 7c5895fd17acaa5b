import { z } from 'zod'
import type { Benchmark, ToQuestion } from '../benchmark.ts'
import { anls } from '../metrics/anls.ts'
import { paperSubstring } from '../metrics/paper-code.ts'
import { byAnswers } from '../scoring.ts'
import { answerList, entriesOf, id, imageOf, questionText, readEntries, reading } from './entries.ts'

// The picture is "documents/DOCUMENT_PAGE.png", and document and page have fields of their own, which the Parquet form keeps.
const schema = z.object({
  questionId: id,
  question: questionText,
  ucsf_document_id: id,
  ucsf_document_page_no: id,
  answers: answerList,
  question_types: z.array(z.string()).nullish(),
})

const toQuestion: ToQuestion = reading(schema, (value, entry) => {
  const page = `${value.ucsf_document_id}_${value.ucsf_document_page_no}`
  const image = imageOf(page, `${page}.png`, entry)
  if (typeof image === 'string') return image
  const [kind] = value.question_types ?? []
  return {
    id: value.questionId,
    image,
    question: value.question,
    mapQuestion: null,
    expected: { type: 'answers', answers: value.answers },
    boxes: [],
    tags: kind === undefined ? {} : { 'question type': kind },
    isCounted: true,
  }
})

/**
 * DocVQA, task 1 (single page), validation (Mathew et al. 2021): scanned letters, forms and tables of the UCSF Industry
 * Documents Library. Its owners give files to who registers: `val_v1.0_withQT.json`, before 2023 `val_v1.0.json`
 * without types of questions, and pictures in `spdocvqa_images` or `documents`.
 */
export const docvqa: Benchmark = {
  name: 'docvqa',
  folder: 'docvqa',
  title: 'DocVQA, task 1, validation: scanned pages',
  licence: "the owners' terms, accepted on registration",
  size: 'questions 2 MB, pictures several GB with all splits',
  sources: [
    { what: 'all', url: 'https://rrc.cvc.uab.es/?ch=17&com=downloads' },
    { what: 'all, Parquet', url: 'https://huggingface.co/datasets/lmms-lab/DocVQA' },
  ],
  questionCount: 5349,
  imageCount: 1286,
  published: {
    files: [
      {
        role: 'questions',
        names: ['', 'spdocvqa_qas/', 'val/'].flatMap(folder =>
          ['val_v1.0_withQT.json', 'val_v1.0.json'].map(name => `${folder}${name}`),
        ),
        format: 'json',
        isNeeded: true,
      },
    ],
    imageFolders: ['spdocvqa_images', 'documents', 'val/documents', 'images'],
    read: ({ questions }) => readEntries(entriesOf(questions!, 'data'), toQuestion),
  },
  parquet: {
    shards: { split: 'validation', config: 'DocVQA' },
    columns: [
      'questionId',
      'question',
      'ucsf_document_id',
      'ucsf_document_page_no',
      'answers',
      'question_types',
    ],
    imageShards: null,
    toQuestion,
  },
  metric: 'ANLS',
  scorers: { official: byAnswers(anls), code: byAnswers(paperSubstring) },
}
