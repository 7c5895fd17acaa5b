import { imageKind, type Kind, writeParquet } from '../write-parquet.ts'
import { cmykJpeg, embedded, jpeg, type Sample, write, writeJson, writeLines } from './files.ts'

const vstarLines = [
  {
    image: 'direct_attributes/sa_4690.jpg',
    text: "What is the material of the glove?\n(A) rubber\n(B) cotton\n(C) kevlar\n(D) leather\nAnswer with the option's letter from the given choices directly.",
    category: 'direct_attributes',
    question_id: 0,
    label: 'A',
  },
  {
    image: 'relative_position/sa_12.jpg',
    text: "Is the red car on the left or right side of the dog?\n(A) left\n(B) right\nAnswer with the option's letter from the given choices directly.",
    category: 'relative_position',
    question_id: 115,
    label: 'B',
  },
]

export const vstar: Sample = {
  asPublished(data) {
    writeLines(data, 'vstar/test_questions.jsonl', vstarLines)
    write(data, 'vstar/direct_attributes/sa_4690.jpg', jpeg)
    writeJson(data, 'vstar/direct_attributes/sa_4690.json', {
      target_object: ['glove'],
      bbox: [[564, 142, 155, 157]],
      question: 'What is the material of the glove?',
      options: ['The glove is made of rubber.', 'Cotton.'],
    })
    write(data, 'vstar/relative_position/sa_12.jpg', cmykJpeg)
    writeJson(data, 'vstar/relative_position/sa_12.json', {
      target_object: ['red car', 'dog'],
      bbox: [
        [10, 20, 30, 40],
        [50, 60, 7.5, 8],
      ],
      question: 'Is the red car on the left or right side of the dog?',
      options: [],
    })
  },
  asParquet(data) {
    const kinds: Record<string, Kind> = {
      image: imageKind,
      text: 'text',
      category: 'text',
      question_id: 'text',
      label: 'text',
    }
    const rows = vstarLines.map((line, i) => ({
      ...line,
      question_id: String(line.question_id),
      image: embedded(i === 0 ? jpeg : cmykJpeg),
    }))
    writeParquet(data, 'vstar/data/test-00000-of-00001.parquet', kinds, rows)
  },
}
