import { imageKind, type Kind, type Row, writeParquet } from '../write-parquet.ts'
import { embedded, greyJpeg, jpeg, type Sample, ten, write, writeJson } from './files.ts'

const textvqaEntries = [
  {
    question_id: 34602,
    image_id: '003a8ae2ef43b901',
    question: 'what is the brand of this camera?',
    answers: ten('nous les gosses', 'dakota', 'clos culombu'),
  },
  {
    question_id: 34603,
    image_id: '003a8ae2ef43b901',
    question: 'what does the small white text spell?',
    answers: ten('', 'copenhagen'),
  },
  {
    question_id: 34604,
    image_id: '3a2b4c',
    question: 'wie heißt die Straße? 通り',
    answers: ten('Überweg 7', '東京'),
  },
].map(entry => ({
  question_tokens: entry.question.split(' '),
  image_width: 1024,
  image_height: 664,
  flickr_original_url: 'https://example.org/o.jpg',
  flickr_300k_url: 'https://example.org/z.jpg',
  image_classes: ['Camera'],
  set_name: 'val',
  ...entry,
}))

const textvqaKinds: Record<string, Kind> = {
  image_id: 'text',
  question_id: 'int32',
  question: 'text',
  question_tokens: { list: 'text' },
  image: imageKind,
  image_width: 'int32',
  image_height: 'int32',
  flickr_original_url: 'text',
  flickr_300k_url: 'text',
  answers: { list: 'text' },
  image_classes: { list: 'text' },
  set_name: 'text',
}

export function writeTextVqaBoxes(data: string, rows: readonly Row[]): void {
  const kinds: Record<string, Kind> = {
    image: imageKind,
    question: 'text',
    answer: { list: 'text' },
    dataset_id: 'text',
    bbox: { list: 'double' },
  }
  writeParquet(data, 'TextVQA_GT_bbox/data/train-00000-of-00001.parquet', kinds, rows)
}

export const textvqa: Sample = {
  asPublished(data) {
    writeJson(data, 'textvqa/TextVQA_0.5.1_val.json', {
      dataset_type: 'val',
      dataset_name: 'textvqa',
      dataset_version: '0.5.1',
      data: textvqaEntries,
    })
    write(data, 'textvqa/train_images/003a8ae2ef43b901.jpg', jpeg)
    write(data, 'textvqa/train_images/3a2b4c.jpg', greyJpeg)
  },
  asParquet(data) {
    const rows = textvqaEntries.map((entry, i) => ({ ...entry, image: embedded(i < 2 ? jpeg : greyJpeg) }))
    const shard = (i: number): string => `textvqa/data/validation-0000${i}-of-00002.parquet`
    writeParquet(data, shard(0), textvqaKinds, rows.slice(0, 2), { rowGroupSize: 1 })
    writeParquet(data, shard(1), textvqaKinds, rows.slice(2), { codec: 'GZIP' })
  },
}
