import { imageKind, type Kind, writeParquet } from '../write-parquet.ts'
import { embedded, jpeg, type Sample, write, writeLines } from './files.ts'

const popeSplits = ['random', 'popular', 'adversarial']
const popeLines = [
  {
    question_id: 1,
    image: 'COCO_val2014_000000310196.jpg',
    text: 'Is there a snowboard in the image?',
    label: 'yes',
  },
  {
    question_id: 2,
    image: 'COCO_val2014_000000310196.jpg',
    text: 'Is there a car in the image?',
    label: 'no',
  },
]

export const pope: Sample = {
  asPublished(data) {
    for (const split of popeSplits) writeLines(data, `pope/coco_pope_${split}.json`, popeLines)
    write(data, 'coco/val2014/COCO_val2014_000000310196.jpg', jpeg)
  },
  asParquet(data) {
    const kinds: Record<string, Kind> = {
      id: 'text',
      question_id: 'text',
      question: 'text',
      answer: 'text',
      image_source: 'text',
      image: imageKind,
      category: 'text',
    }
    const rows = popeSplits.flatMap(category =>
      popeLines.map(({ question_id, text, label }) => ({
        id: '0',
        question_id: String(question_id),
        question: text,
        answer: label,
        image_source: 'COCO_val2014_000000310196',
        image: embedded(jpeg),
        category,
      })),
    )
    writeParquet(data, 'pope/data/test-00000-of-00002-1a2b3c.parquet', kinds, rows.slice(0, 4))
    writeParquet(data, 'pope/data/test-00001-of-00002-4d5e6f.parquet', kinds, rows.slice(4))
    // Another configuration of the same repository, whose split has another name.
    writeParquet(data, 'pope/Full/random-00000-of-00001.parquet', kinds, rows.slice(0, 2))
  },
}
