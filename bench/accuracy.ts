import { join } from 'node:path'
import { type Answer, type AskOptions, type Box, type Look, type Picture, type Size, ViCrop } from 'vicrop'
import {
  coverage,
  folder,
  type GroupName,
  groups,
  inputSize,
  isRight,
  mean,
  overlap,
  percent,
  type Question,
  randomNumbers,
  readingQuestions,
  squareAt,
} from './benchmark.ts'
import { mcnemar } from './mcnemar.ts'

// The paper's claim on the demo model: held-out questions about small, medium and large things, answered from the
// picture alone, with the crop that each method chooses, with the human crop (the smallest square that holds
// the thing, at least as large as the model's input), and, as controls, with a crop at random and one from the centre.
// Usage: node out/bench/accuracy.js [LAYER,LAYER,...]

/** How a crop is found by the model itself. */
const looks = {
  'rel-att': { method: 'rel-att' },
  'grad-att': { method: 'grad-att' },
  'pure-grad, paper': { method: 'pure-grad', variant: 'paper' },
  'pure-grad, code': { method: 'pure-grad', variant: 'code' },
} as const satisfies Record<string, AskOptions>
type LookName = keyof typeof looks
const lookNames = Object.keys(looks) as LookName[]

const ways = ['plain', ...lookNames, 'human', 'random', 'centre'] as const
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
  readonly found: Readonly<Record<LookName, Found>>
}

async function main(layers: readonly number[] | undefined): Promise<void> {
  const reading = await readingQuestions()
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
  asked: Question,
  layers: readonly number[],
  random: () => number,
): Promise<Row> {
  const { question, box, size } = asked
  const withCrop = async (crop: Box): Promise<boolean> =>
    isRight(asked, (await picture.ask(question, { crop })).answer)
  const answers = new Map<LookName, Answer>()
  for (const name of lookNames) {
    const options: AskOptions = { ...looks[name], ...(name.startsWith('pure-grad') ? {} : { layers }) }
    answers.set(name, await picture.ask(question, options))
  }
  const each = <T>(of: (answer: Answer) => T) =>
    Object.fromEntries(lookNames.map(name => [name, of(answers.get(name) as Answer)])) as Record<LookName, T>
  const { image } = picture
  const right = {
    ...each(({ answer }) => isRight(asked, answer)),
    plain: isRight(asked, (answers.get('rel-att') as Answer).plainAnswer),
    human: await withCrop(humanCrop(box, image)),
    random: await withCrop(randomCrop(image, random)),
    centre: await withCrop(squareAt(image.width / 2, image.height / 2, inputSize, image)),
  }
  const found = each(({ importance, crop }) => ({
    pointed: peakTouches(importance, box),
    covered: coverage(box, crop),
  }))
  return { size, right, found }
}

function report(name: string, rows: readonly Row[]): void {
  console.log(`\n${name}, ${rows.length} questions`)
  for (const way of ways) {
    const share = mean(rows.map(row => Number(row.right[way])))
    const against = way === 'plain' ? '' : comparison(rows, way)
    const where = isLook(way) ? localisation(rows.map(row => row.found[way])) : ''
    console.log(`  ${way.padEnd(16)}${percent(share).padStart(8)}${against}${where}`)
  }
  console.log(`  pure-grad, paper ${comparison(rows, 'pure-grad, paper', 'pure-grad, code')}`)
}

const isLook = (way: Way): way is LookName => way in looks

function comparison(rows: readonly Row[], way: Way, other: Way = 'plain'): string {
  const won = rows.filter(({ right }) => right[way] && !right[other]).length
  const lost = rows.filter(({ right }) => !right[way] && right[other]).length
  return `   against ${other} ${won} won, ${lost} lost, McNemar p = ${mcnemar(won, lost).toPrecision(1)}`
}

function localisation(found: readonly Found[]): string {
  const pointed = percent(mean(found.map(look => Number(look.pointed))))
  return `; map's peak on the thing ${pointed}, thing in the crop ${percent(mean(found.map(look => look.covered)))}`
}

/** The smallest square that holds the box, at least the model's input, pushed inside the picture. */
const humanCrop = (box: Box, image: Size): Box =>
  squareAt(box.x + box.width / 2, box.y + box.height / 2, Math.max(box.width, box.height, inputSize), image)

/** As large as the paper's rule can choose. */
function randomCrop(image: Size, random: () => number): Box {
  const side = Math.round(inputSize * (1 + random()))
  return squareAt(random() * image.width, random() * image.height, side, image)
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

await main(process.argv[2]?.split(',').map(Number))
