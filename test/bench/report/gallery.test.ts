import sharp from 'sharp'
import { expect, it } from 'vitest'
import { drawGallery, type ReadPicture } from '../../../src/bench/report/cards-node.ts'
import { readExamples } from '../../../src/bench/report/gallery.ts'
import type { Row, Way } from '../../../src/bench/row.ts'
import { answered, asked, experimentOf, folderOf, run, square } from './rows.ts'

const ways: Way[] = [{ method: 'none' }, { method: 'rel-att' }, { method: 'grad-att' }]

/** A map whose last of three cells is the highest, of a picture of 100 x 100. */
const map: Row['map'] = {
  rows: 1,
  columns: 3,
  geometry: {
    source: { width: 100, height: 100 },
    view: { x: 0, y: 0, width: 100, height: 100 },
    grid: { rows: 1, columns: 3 },
  },
  levels: 'AAD/',
}

const rows = [
  ...answered(asked('won by both'), ways, ['b', 'a', 'a']),
  ...answered(asked('lost by the second'), ways, ['a', 'a', 'b']),
  ...answered(asked('wrong'), ways, ['b', 'c', 'b'], { map }),
  ...answered(asked('right'), ways, ['a', 'a', 'a']),
  ...answered(asked('not cropped'), ways, ['a', 'b', 'b'], { crop: null, cropReason: 'no signal' }),
  ...answered(asked('with other layers'), [ways[0]!, { method: 'rel-att', layers: 'all' }], ['a', 'b']),
  ...answered(asked('by a person'), [ways[0]!, { method: 'human' }], ['a', 'b']),
  ...answered(asked('plain answer missing'), [ways[1]!], ['b']),
]

const examplesOf = async (most: number) => {
  const { rows: again, runs } = folderOf(rows, [run('r1', 'demo')])
  return readExamples([await experimentOf(rows)], most, again, runs)
}

it('questions that a crop lost come first, then those wrong both times, then those it won', async () => {
  const examples = await examplesOf(8)
  expect(
    examples.map(({ outcome, way, cropped, plain }) => [
      outcome,
      cropped.question.id,
      way.name,
      plain.answer,
      cropped.answer,
    ]),
  ).toEqual([
    ['lost', 'lost by the second', 'grad-att', 'a', 'b'],
    ['both wrong', 'wrong', 'rel-att', 'b', 'c'],
    ['won', 'won by both', 'rel-att', 'b', 'a'],
  ])
})

it('at most so many of each are drawn, the same each time', async () => {
  const many = Array.from({ length: 40 }, (_, i) =>
    answered(asked(`${i}`), ways.slice(0, 2), ['b', 'a']),
  ).flat()
  const draw = async () => {
    const { rows: again, runs } = folderOf(many, [run('r1', 'demo')])
    const examples = await readExamples([await experimentOf(many)], 5, again, runs)
    return examples.map(({ cropped }) => cropped.question.id)
  }
  const drawn = await draw()
  expect(drawn).toHaveLength(5)
  expect(drawn).not.toEqual(['0', '1', '2', '3', '4'])
  expect(await draw()).toEqual(drawn)
})

const pictureOf = (size: number): Promise<Buffer> =>
  sharp({ create: { width: size, height: size, channels: 3, background: '#3366cc' } })
    .png()
    .toBuffer()

const sizeOf = async (dataUrl: string): Promise<[number, number]> => {
  const { width, height } = await sharp(Buffer.from(dataUrl.split(',')[1] as string, 'base64')).metadata()
  return [width, height]
}

/** Mean red, green and blue of the left and of the right half. */
async function halves(dataUrl: string): Promise<number[][]> {
  const image = sharp(Buffer.from(dataUrl.split(',')[1] as string, 'base64'))
  const { width, height } = await image.metadata()
  const half = Math.floor(width / 2)
  return Promise.all(
    [0, half].map(async left => {
      const part = await image.clone().extract({ left, top: 0, width: half, height }).toBuffer()
      return (await sharp(part).stats()).channels.map(({ mean }) => mean)
    }),
  )
}

it('a card has the map over the picture, and the crop enlarged', async () => {
  const {
    cards: [card],
  } = await drawGallery((await examplesOf(8)).slice(1, 2), () => pictureOf(100))
  expect(await sizeOf(card!.picture)).toEqual([448, 448])
  expect(await sizeOf(card!.close as string)).toEqual([224, 224])
  const [left, right] = await halves(card!.picture)
  // The glow is yellow, far more red than the blue picture.
  expect(right![0]! - left![0]!).toBeGreaterThan(40)
})

it.each<[string, ReadPicture]>([
  ['is not there', async () => null],
  ['is of another size than the one asked about', () => pictureOf(90)],
  ['cannot be read', async () => new Uint8Array([1, 2, 3])],
])('where a picture %s, the map is drawn on grey and there is no crop', async (_, read) => {
  const {
    cards: [card],
  } = await drawGallery((await examplesOf(8)).slice(1, 2), read)
  expect(card!.close).toBeNull()
  expect(await sizeOf(card!.picture)).toEqual([448, 448])
})

it('boxes and texts are those of the row', async () => {
  const boxed = answered(asked('1', { boxes: square(9) }), ways.slice(0, 2), ['b', 'a'])
  const { rows: again, runs } = folderOf(boxed)
  const { cards, leftOut } = await drawGallery(
    await readExamples([await experimentOf(boxed)], 1, again, runs),
    async () => null,
  )
  expect(leftOut).toBe(0)
  expect(cards).toMatchObject([
    {
      outcome: 'won',
      model: 'demo',
      benchmark: 'demo',
      way: 'rel-att',
      question: 'What does the sign say?',
      plain: { answer: 'b', score: 0 },
      cropped: { answer: 'a', score: 1 },
      boxes: square(9),
      crop: { x: 0, y: 0, width: 50, height: 50 },
    },
  ])
})
