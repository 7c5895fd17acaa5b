import { join } from 'node:path'
import sharp from 'sharp'
import { type Box, type Image, type ImportanceMap, type LookOptions, ViCrop } from 'vicrop'
import { mcnemar, randomNumbers, squareAt } from 'vicrop/bench'
import {
  coverage,
  folder,
  inputSize,
  isRight,
  mean,
  percent,
  type Question,
  questionsOf,
} from './benchmark.ts'

// What blocks of high resolution are worth on the demo model: each question's picture stretched to 1024 x 1024 pixels and
// put beside three others that no question says to have such a thing, 2048 x 2048 in all. The demo model's input is so
// small that the paper's rule would crop less than one cell of such a picture, so here the crop is a square about
// the map's highest cell, as large as the rule's smallest would be in a picture of 320 x 320 before it was enlarged.
// Usage: node out/bench/high-res.js

const enlarged = 1024
const cropSide = (inputSize * enlarged) / 320
const side = 2 * enlarged

const looks = {
  'rel-att': { method: 'rel-att' },
  'grad-att': { method: 'grad-att' },
  'pure-grad': { method: 'pure-grad' },
} as const satisfies Record<string, LookOptions>

interface ReadingQuestion extends Question {
  readonly box: Box
}

interface Found {
  readonly isRight: boolean
  readonly covered: number
}

async function main(): Promise<void> {
  const all = (await questionsOf(folder)).filter(({ family }) => family === 'read') as ReadingQuestion[]
  const asked = all.filter(({ size }) => size === 'small').slice(0, 200)
  await using vicrop = await ViCrop.open()
  const random = randomNumbers(1)
  const found = new Map<string, Found[]>()
  for (const [nth, question] of asked.entries()) {
    const { image, box } = await amongOthers(question, othersFor(question, all, random), random)
    using picture = await vicrop.see(image)
    for (const [name, options] of Object.entries(looks)) {
      for (const highRes of ['off', 'on'] as const) {
        const { importance } = await picture.look(question.question, { ...options, highRes })
        const crop = aboutPeak(importance as ImportanceMap)
        const { answer } = await picture.ask(question.question, { crop })
        const rows = found.get(`${name} ${highRes}`) ?? []
        rows.push({ isRight: isRight(question, answer), covered: coverage(box, crop) })
        found.set(`${name} ${highRes}`, rows)
      }
    }
    if (process.stderr.isTTY) process.stderr.write(`\r${nth + 1} of ${asked.length} questions `)
  }
  console.log(`${asked.length} questions about small things in pictures of ${side} x ${side}`)
  for (const name of Object.keys(looks)) report(name, found.get(`${name} off`)!, found.get(`${name} on`)!)
}

function report(name: string, off: readonly Found[], on: readonly Found[]): void {
  const describe = (rows: readonly Found[]): string =>
    `${percent(mean(rows.map(row => Number(row.isRight))))} right, thing in the crop ${percent(mean(rows.map(row => row.covered)))}`
  const won = on.filter((row, i) => row.isRight && !off[i]?.isRight).length
  const lost = on.filter((row, i) => !row.isRight && off[i]?.isRight).length
  console.log(`\n${name}`)
  console.log(`  as a whole  ${describe(off)}`)
  console.log(
    `  in blocks   ${describe(on)}; ${won} won, ${lost} lost, McNemar p = ${mcnemar(won, lost).toPrecision(1)}`,
  )
}

const words =
  'red orange yellow green cyan blue purple pink circle square triangle diamond star heart plate'.split(' ')
const wordsOf = ({ question }: Question): string[] =>
  words.filter(word => question.toLowerCase().includes(word))

/** Three pictures of which nobody asks about a thing that the question could mean. */
function othersFor(question: ReadingQuestion, all: readonly Question[], random: () => number): string[] {
  const meant = wordsOf(question)
  const could = (other: Question): boolean => {
    const theirs = wordsOf(other)
    return meant.every(word => theirs.includes(word)) || theirs.every(word => meant.includes(word))
  }
  const taken = new Set([question.picture, ...all.filter(could).map(other => other.picture)])
  const free = [...new Set(all.map(other => other.picture))].filter(name => !taken.has(name))
  return Array.from({ length: 3 }, () => free.splice(Math.floor(random() * free.length), 1)[0] as string)
}

/** The picture and three others, one in each quarter; `box` is where the thing now lies. */
async function amongOthers(
  { picture, box }: ReadingQuestion,
  others: readonly string[],
  random: () => number,
): Promise<{ image: Image; box: Box }> {
  const names = others.toSpliced(Math.floor(random() * 4), 0, picture)
  const quarters = await Promise.all(
    names.map(async (name, i) => ({
      input: await sharp(join(folder, name))
        .resize(enlarged, enlarged, { kernel: 'lanczos3', fit: 'fill' })
        .png()
        .toBuffer(),
      left: (i % 2) * enlarged,
      top: Math.floor(i / 2) * enlarged,
    })),
  )
  const canvas = sharp({ create: { width: side, height: side, channels: 3, background: 'black' } })
  const data = new Uint8Array(await canvas.composite(quarters).removeAlpha().raw().toBuffer())
  const { left, top } = quarters[names.indexOf(picture)]!
  const source = await sharp(join(folder, picture)).metadata()
  const [across, down] = [enlarged / source.width, enlarged / source.height]
  const stretched = {
    x: box.x * across,
    y: box.y * down,
    width: box.width * across,
    height: box.height * down,
  }
  return {
    image: { width: side, height: side, data },
    box: { ...stretched, x: stretched.x + left, y: stretched.y + top },
  }
}

function aboutPeak({ values, columns, geometry }: ImportanceMap): Box {
  const peak = values.indexOf(Math.max(...values))
  const { view, grid } = geometry
  const [width, height] = [view.width / grid.columns, view.height / grid.rows]
  const [x, y] = [(peak % columns) + 0.5, Math.floor(peak / columns) + 0.5]
  return squareAt(view.x + x * width, view.y + y * height, cropSide, { width: side, height: side })
}

await main()
