import { imageKind, type Kind, writeParquet } from '../write-parquet.ts'
import { embedded, jpeg, type Sample, write, writeJson } from './files.ts'

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

export const docvqa: Sample = {
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
