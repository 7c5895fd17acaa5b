import { imageKind, type Kind, writeParquet } from '../write-parquet.ts'
import { embedded, jpeg, type Sample, write, writeJson } from './files.ts'

const gqaEntries = {
  '201307251': {
    semantic: [{ operation: 'select', dependencies: [], argument: 'car (1)' }],
    entailed: [],
    equivalent: ['201307251'],
    question: 'Is it overcast?',
    imageId: 'n161313',
    isBalanced: true,
    groups: { global: null, local: '13-weather' },
    answer: 'no',
    semanticStr: 'select: car (1)',
    annotations: { answer: {}, question: {}, fullAnswer: {} },
    types: { detailed: 'weatherVerify', semantic: 'global', structural: 'verify' },
    fullAnswer: 'No, it is clear.',
  },
  '201640614': {
    semantic: [],
    entailed: [],
    equivalent: ['201640614'],
    question: 'Who is wearing the dress?',
    imageId: 'n235859',
    isBalanced: true,
    groups: { global: 'person', local: null },
    answer: 'woman',
    semanticStr: '',
    annotations: { answer: {}, question: {}, fullAnswer: {} },
    types: { detailed: 'relS', semantic: 'rel', structural: 'query' },
    fullAnswer: 'The woman is wearing a dress.',
  },
}

export const gqa: Sample = {
  asPublished(data) {
    writeJson(data, 'gqa/testdev_balanced_questions.json', gqaEntries)
    write(data, 'gqa/images/n161313.jpg', jpeg)
    write(data, 'gqa/images/n235859.jpg', jpeg)
  },
  asParquet(data) {
    const kinds: Record<string, Kind> = {
      id: 'text',
      imageId: 'text',
      question: 'text',
      answer: 'text',
      fullAnswer: 'text',
      isBalanced: 'bool',
      groups: { fields: { global: 'text', local: 'text' } },
      types: { fields: { structural: 'text', semantic: 'text', detailed: 'text' } },
    }
    const rows = Object.entries(gqaEntries).map(([id, entry]) => ({ ...entry, id }))
    writeParquet(data, 'gqa/testdev_balanced_instructions/testdev-00000-of-00001.parquet', kinds, rows)
    writeParquet(data, 'gqa/testdev_all_instructions/testdev-00000-of-00001.parquet', kinds, rows)
    writeParquet(
      data,
      'gqa/testdev_balanced_images/testdev-00000-of-00001.parquet',
      { id: 'text', image: imageKind },
      ['n235859', 'n161313'].map(id => ({ id, image: embedded(jpeg) })),
    )
  },
}
