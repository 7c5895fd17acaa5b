import { z } from 'zod'
import type { Benchmark, ToQuestion } from '../benchmark.ts'
import { paperAccuracy } from '../metrics/paper-code.ts'
import { normaliseTextVqa, vqaAccuracy } from '../metrics/vqa-accuracy.ts'
import { byAnswers } from '../scoring.ts'
import {
  answerList,
  boxOfFour,
  entriesOf,
  id,
  imageOf,
  questionText,
  readEntries,
  reading,
} from './entries.ts'

const schema = z.object({ question_id: id, image_id: id, question: questionText, answers: answerList })

const toQuestion: ToQuestion = reading(schema, ({ question_id, image_id, question, answers }, entry) => {
  const image = imageOf(image_id, `${image_id}.jpg`, entry)
  if (typeof image === 'string') return image
  return {
    id: question_id,
    image,
    question,
    mapQuestion: null,
    expected: { type: 'answers', answers },
    boxes: [],
    tags: {},
    isCounted: true,
  }
})

const boxRow = z.object({ dataset_id: id, bbox: boxOfFour })

/**
 * TextVQA 0.5.1, validation (Singh et al. 2019): reading text in photographs of OpenImages, ten answers a question. Its
 * pictures for training and validation come in one archive, which unpacks to `train_images`.
 *
 * The paper's authors publish one box a question for the 4,370 that have a single place (`jrzhang/TextVQA_GT_bbox`, Parquet,
 * `dataset_id` being TextVQA's question id and `bbox` [x, y, width, height] in pixels): the basis of its table 1.
 */
export const textvqa: Benchmark = {
  name: 'textvqa',
  folder: 'textvqa',
  title: 'TextVQA 0.5.1, validation: reading text in photographs',
  licence: 'CC BY 4.0; pictures: OpenImages, CC BY 2.0',
  size: 'questions 16 MB, pictures 6.6 GB with those for training',
  sources: [
    {
      what: 'questions',
      url: 'https://dl.fbaipublicfiles.com/textvqa/data/TextVQA_0.5.1_val.json',
    },
    {
      what: 'pictures',
      url: 'https://dl.fbaipublicfiles.com/textvqa/images/train_val_images.zip',
    },
    { what: 'both, Parquet', url: 'https://huggingface.co/datasets/lmms-lab/textvqa' },
    { what: 'boxes, Parquet', url: 'https://huggingface.co/datasets/jrzhang/TextVQA_GT_bbox' },
  ],
  questionCount: 5000,
  imageCount: 3166,
  published: {
    files: [{ role: 'questions', names: ['TextVQA_0.5.1_val.json'], format: 'json', isNeeded: true }],
    imageFolders: ['train_images', 'train_val_images/train_images', 'images/train_images', 'images'],
    read: ({ questions }) => readEntries(entriesOf(questions!, 'data'), toQuestion),
  },
  parquet: {
    shards: { split: 'validation', config: null },
    columns: ['question_id', 'image_id', 'question', 'answers'],
    imageShards: null,
    toQuestion,
  },
  boxTable: {
    folders: ['textvqa-gt-bbox', 'TextVQA_GT_bbox'],
    shards: { split: 'train', config: null },
    columns: ['dataset_id', 'bbox'],
    toBox: reading(boxRow, ({ dataset_id, bbox }) => ({ id: dataset_id, box: bbox })),
  },
  metric: 'VQA accuracy',
  scorers: {
    official: byAnswers((answer, people) => vqaAccuracy(answer, people, normaliseTextVqa), normaliseTextVqa),
    code: byAnswers(paperAccuracy),
  },
}
