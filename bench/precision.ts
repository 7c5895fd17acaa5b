import { join } from 'node:path'
import { type Answer, type Picture, ViCrop, type WeightType } from 'vicrop'
import { mcnemar, randomNumbers } from 'vicrop/bench'
import { folder, groups, isRight, mean, percent, type Question, questionsOf } from './benchmark.ts'
import { type LookName, looks } from './workload.ts'

// What weights in fewer bits cost in quality: the demo model's held-out questions, answered in each dtype and in f32.

const compared = ['rel-att', 'grad-att', 'pure-grad, paper'] as const satisfies readonly LookName[]
type Way = 'no crop' | (typeof compared)[number]
const ways: readonly Way[] = ['no crop', ...compared]

/** What one dtype makes of a question. */
interface Found {
  readonly right: Readonly<Record<Way, boolean>>
  readonly looks: Readonly<Record<(typeof compared)[number], Answer>>
}

/** Prints each dtype beside f32, paired, on `count` questions drawn at random, the same in every run. */
export async function comparePrecision(dtypes: readonly WeightType[], count: number): Promise<void> {
  const questions = sample(
    (await questionsOf(folder)).filter(({ family }) => family === 'read'),
    count,
  )
  const published = await answerAll('f32', questions)
  for (const dtype of dtypes) print(dtype, questions, published, await answerAll(dtype, questions))
}

function sample(questions: readonly Question[], count: number): Question[] {
  const random = randomNumbers(1)
  const drawn = questions.map(question => ({ question, order: random() })).sort((a, b) => a.order - b.order)
  return drawn.slice(0, count).map(({ question }) => question)
}

async function answerAll(dtype: WeightType, questions: readonly Question[]): Promise<Found[]> {
  await using vicrop = await ViCrop.open(undefined, { dtype })
  const found: Found[] = []
  for (const question of questions) {
    using picture = await vicrop.see(join(folder, question.picture), { method: 'pure-grad' })
    found.push(await answer(picture, question))
    if (process.stderr.isTTY)
      process.stderr.write(`\r${dtype}: ${found.length} of ${questions.length} questions `)
  }
  return found
}

async function answer(picture: Picture, asked: Question): Promise<Found> {
  const [first, second, third] = compared
  const ask = (name: LookName): Promise<Answer> => picture.ask(asked.question, looks[name])
  const answers = {
    [first]: await ask(first),
    [second]: await ask(second),
    [third]: await ask(third),
  } as Found['looks']
  const right = { 'no crop': isRight(asked, answers['rel-att'].plainAnswer) } as Record<Way, boolean>
  for (const name of compared) right[name] = isRight(asked, answers[name].answer)
  return { right, looks: answers }
}

function print(dtype: WeightType, questions: readonly Question[], published: Found[], found: Found[]): void {
  console.log(
    `\n${dtype} beside f32, ${questions.length} questions: share right, f32 -> ${dtype}; lost / won (McNemar's p)`,
  )
  for (const way of ways) {
    const cells = groups.map(size => {
      const of = [...questions.keys()].filter(i => questions[i]?.size === size)
      return `${size} ${paired(of.map(i => [published[i]?.right[way], found[i]?.right[way]] as const))}`
    })
    console.log(`  ${way.padEnd(17)} ${cells.join('; ')}`)
  }
  for (const name of compared) {
    const same = found.map(({ looks }, i) => sameCrop(looks[name], published[i]?.looks[name] as Answer))
    const errors = found.map(({ looks }, i) => mapError(looks[name], published[i]?.looks[name] as Answer))
    const middle = errors.sort((a, b) => a - b)[errors.length >> 1] as number
    console.log(
      `  ${name.padEnd(17)} crops equal ${percent(mean(same))}; median error of a map ${percent(middle)} of its largest value`,
    )
  }
}

function paired(
  pairs: readonly (readonly [before: boolean | undefined, after: boolean | undefined])[],
): string {
  const [before, after] = [0, 1].map(i => percent(mean(pairs.map(pair => Number(pair[i])))))
  const lost = pairs.filter(([before, after]) => before && !after).length
  const won = pairs.filter(([before, after]) => !before && after).length
  return `${before} -> ${after}, ${lost} / ${won} (${mcnemar(won, lost).toPrecision(1)})`
}

const sameCrop = (a: Answer, b: Answer): number => Number(JSON.stringify(a.crop) === JSON.stringify(b.crop))

/** The largest difference, as a share of the largest value. */
function mapError({ importance: a }: Answer, { importance: b }: Answer): number {
  const [found, expected] = [a?.values ?? [], b?.values ?? []]
  const differences = Array.from(expected, (value, i) => Math.abs(value - (found[i] as number)))
  return Math.max(...differences) / Math.max(...expected)
}
