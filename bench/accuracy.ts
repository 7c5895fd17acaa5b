import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Box, type Look, type Picture, type Size, ViCrop } from 'vicrop'
import { mcnemar } from './mcnemar.ts'

// The paper's claim on the demo model: held-out questions about small, medium and large things, answered from the
// picture alone, with the crop that each method chooses, with the human crop (the smallest square that holds
// the thing, at least as large as the model's input), and, as controls, with a crop at random and one from the centre.
// Usage: node out/bench/accuracy.js [LAYER,LAYER,...]

interface Question {
  readonly picture: string
  readonly question: string
  readonly answer: string
  readonly box: Box
  readonly size: GroupName
  readonly family: string
}

const groups = ['small', 'medium', 'large'] as const
type GroupName = (typeof groups)[number]

const mapMethods = ['rel-att', 'grad-att'] as const
type MapMethod = (typeof mapMethods)[number]

const ways = ['plain', ...mapMethods, 'human', 'random', 'centre'] as const
type Way = (typeof ways)[number]

/** Where a method looked. */
interface Found {
  /** Whether the largest cell of the map touches the thing. */
  readonly pointed: boolean
  /** Share of the thing inside the crop. */
  readonly covered: number
}

interface Row {
  readonly size: GroupName
  readonly right: Readonly<Record<Way, boolean>>
  readonly found: Readonly<Record<MapMethod, Found>>
}

const folder = fileURLToPath(new URL('../../demo/benchmark', import.meta.url))

/** The demo model's input in pixels, and with it the smallest crop of the paper's rule. */
const inputSize = 80

async function main(layers: readonly number[] | undefined): Promise<void> {
  const all: Question[] = JSON.parse(await readFile(join(folder, 'questions.json'), 'utf8'))
  const reading = all.filter(question => question.family === 'read')
  await using vicrop = await ViCrop.open()
  const random = randomNumbers(1)
  const rows: Row[] = []
  for (const name of new Set(reading.map(question => question.picture))) {
    using picture = await vicrop.see(join(folder, name))
    for (const question of reading) {
      if (question.picture === name)
        rows.push(await answer(picture, question, layers ?? vicrop.layers, random))
    }
    if (process.stderr.isTTY) process.stderr.write(`\r${rows.length} of ${reading.length} questions `)
  }
  console.log(`layer ${layers ?? vicrop.layers}; questions that ask to read a character; share right`)
  for (const size of groups) {
    report(
      size,
      rows.filter(row => row.size === size),
    )
  }
}

async function answer(
  picture: Picture,
  { question, answer, box, size }: Question,
  layers: readonly number[],
  random: () => number,
): Promise<Row> {
  const isRight = (text: string): boolean => text.toLowerCase() === answer.toLowerCase()
  const withCrop = async (crop: Box): Promise<boolean> =>
    isRight((await picture.ask(question, { crop })).answer)
  const relative = await picture.ask(question, { method: 'rel-att', layers })
  const gradient = await picture.ask(question, { method: 'grad-att', layers })
  const { image } = picture
  const right = {
    plain: isRight(relative.plainAnswer),
    'rel-att': isRight(relative.answer),
    'grad-att': isRight(gradient.answer),
    human: await withCrop(humanCrop(box, image)),
    random: await withCrop(randomCrop(image, random)),
    centre: await withCrop(squareAt(image.width / 2, image.height / 2, inputSize, image)),
  }
  const found = (look: Look): Found => ({
    pointed: peakTouches(look.importance, box),
    covered: coverage(box, look.crop),
  })
  return { size, right, found: { 'rel-att': found(relative), 'grad-att': found(gradient) } }
}

function report(name: string, rows: readonly Row[]): void {
  console.log(`\n${name}, ${rows.length} questions`)
  for (const way of ways) {
    const share = mean(rows.map(row => Number(row.right[way])))
    const against = way === 'plain' ? '' : comparison(rows, way)
    const where = isMapMethod(way) ? localisation(rows.map(row => row.found[way])) : ''
    console.log(`  ${way.padEnd(9)}${percent(share).padStart(8)}${against}${where}`)
  }
}

const isMapMethod = (way: Way): way is MapMethod => mapMethods.some(method => method === way)

function comparison(rows: readonly Row[], way: Way): string {
  const won = rows.filter(({ right }) => right[way] && !right.plain).length
  const lost = rows.filter(({ right }) => !right[way] && right.plain).length
  return `   against plain ${won} won, ${lost} lost, McNemar p = ${mcnemar(won, lost).toPrecision(1)}`
}

function localisation(found: readonly Found[]): string {
  const pointed = percent(mean(found.map(look => Number(look.pointed))))
  return `; map's peak on the thing ${pointed}, thing in the crop ${percent(mean(found.map(look => look.covered)))}`
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** The smallest square that holds the box, at least the model's input, pushed inside the picture. */
const humanCrop = (box: Box, image: Size): Box =>
  squareAt(box.x + box.width / 2, box.y + box.height / 2, Math.max(box.width, box.height, inputSize), image)

/** As large as the paper's rule can choose. */
function randomCrop(image: Size, random: () => number): Box {
  const side = Math.round(inputSize * (1 + random()))
  return squareAt(random() * image.width, random() * image.height, side, image)
}

function squareAt(centreX: number, centreY: number, side: number, image: Size): Box {
  const size = Math.ceil(Math.min(side, image.width, image.height))
  const place = (centre: number, length: number): number =>
    Math.round(Math.min(Math.max(centre - size / 2, 0), length - size))
  return { x: place(centreX, image.width), y: place(centreY, image.height), width: size, height: size }
}

function peakTouches(map: Look['importance'], box: Box): boolean {
  if (map === null) return false
  const peak = map.values.indexOf(Math.max(...map.values))
  const { view } = map.geometry
  const [width, height] = [view.width / map.columns, view.height / map.rows]
  const cell = {
    x: view.x + (peak % map.columns) * width,
    y: view.y + Math.floor(peak / map.columns) * height,
    width,
    height,
  }
  return overlap(cell, box) > 0
}

const coverage = (box: Box, crop: Box | null): number =>
  crop === null ? 0 : overlap(box, crop) / (box.width * box.height)

/** Area that two boxes share, in pixels. */
function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
  return Math.max(width, 0) * Math.max(height, 0)
}

/** Repeatable numbers from 0 to 1 (mulberry32), so that the random control is the same in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

await main(process.argv[2]?.split(',').map(Number))
