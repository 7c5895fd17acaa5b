import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  type Answer,
  attentionRatios,
  type Box,
  type ImportanceMap,
  type Picture,
  type Size,
  ViCrop,
  type WeightType,
} from 'vicrop'
import { centreCrop, humanCrop, isPointedAt, randomNumbers, squareAt } from 'vicrop/bench'
import { type Row, report } from './accuracy-report.ts'
import { coverage, folder, inputSize, isRight, type Question, questionsOf } from './benchmark.ts'
import { comparePrecision } from './precision.ts'
import { type LookName, lookNames, looks } from './workload.ts'

// The paper's claims on the demo model: held-out questions about small, medium and large things, answered from the
// picture alone, with the crop that each method chooses, with the human crop (the smallest square that holds
// the thing, at least as large as the model's input), and, as controls, with a crop at random and one from the centre;
// and how much more of each layer's relative attention lies on the thing than chance would put there.
// Usage: node out/bench/accuracy.js [--write] [--model FOLDER] [--on FOLDER]      prints, or writes docs/results.md
//        node out/bench/accuracy.js --dtype q8 --dtype q4 [--sample 300]      what these cost beside f32
// --on: a folder with pictures and questions.json, such as reference/demo/benchmark.py --validation makes.

const results = fileURLToPath(new URL('../../docs/results.md', import.meta.url))

const { write, model, on, dtype, sample } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    model: { type: 'string' },
    on: { type: 'string', default: folder },
    dtype: { type: 'string', multiple: true },
    sample: { type: 'string', default: '300' },
  },
}).values

async function main(): Promise<void> {
  const questions = await questionsOf(on)
  await using vicrop = await ViCrop.open(model)
  const random = randomNumbers(1)
  const rows: Row[] = []
  for (const name of new Set(questions.map(question => question.picture))) {
    using picture = await vicrop.see(join(on, name), { method: 'pure-grad' })
    for (const question of questions.filter(one => one.picture === name)) {
      rows.push(await answer(picture, question, random))
      if (process.stderr.isTTY) process.stderr.write(`\r${rows.length} of ${questions.length} questions `)
    }
  }
  const text = report(rows, vicrop.layers)
  if (write) await writeFile(results, text)
  else process.stdout.write(text)
}

async function answer(picture: Picture, asked: Question, random: () => number): Promise<Row> {
  const { question, box, size, family, words } = asked
  const { image } = picture
  const answers = new Map<LookName, Answer>()
  for (const name of lookNames) answers.set(name, await picture.ask(question, looks[name]))
  const each = <T>(of: (answer: Answer) => T) =>
    Object.fromEntries(lookNames.map(name => [name, of(answers.get(name) as Answer)])) as Record<LookName, T>
  const withCrop = async (crop: Box): Promise<boolean> =>
    isRight(asked, (await picture.ask(question, { crop })).answer)
  const plain = isRight(asked, (answers.get('rel-att') as Answer).plainAnswer)
  const right = {
    ...each(({ answer }) => isRight(asked, answer)),
    'no crop': plain,
    'human crop': box === null ? plain : await withCrop(humanCrop([box], inputSize, image)),
    'random crop': await withCrop(randomCrop(image, random)),
    'centre crop': await withCrop(centreCrop(inputSize, image)),
  }
  if (box === null) return { size, family, words, right, found: null, ratios: null }
  const found = each(({ importance, crop }) => ({
    pointed: isPointedAt(importance as ImportanceMap, [box]),
    covered: coverage(box, crop),
  }))
  const ratios = await attentionRatios(picture, { question, box })
  return { size, family, words, right, found, ratios }
}

/** As large as the paper's rule can choose. */
function randomCrop(image: Size, random: () => number): Box {
  const side = Math.round(inputSize * (1 + random()))
  return squareAt(random() * image.width, random() * image.height, side, image)
}

if (dtype === undefined) await main()
else await comparePrecision(dtype as WeightType[], Number(sample))
