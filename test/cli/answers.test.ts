import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import { cropImage } from '../../src/image/image.ts'
import { type Answer, type Look, ViCrop } from '../../src/index.ts'
import { modelPath, picturePath, readExpected } from '../models/fixtures.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { type Ended, vicrop } from './vicrop.ts'

const picture = picturePath('wide')
const model = modelPath('base')
const questions = readExpected('base').pictures.wide.questions.map(({ question }) => question)
const [first, second] = questions as [string, string]

/** The objects on standard output; the process has ended well and said nothing else. */
function objectsOf({ status, stdout, stderr }: Ended): Record<string, unknown>[] {
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout.endsWith('\n')).toBe(true)
  return stdout
    .slice(0, -1)
    .split('\n')
    .map(line => JSON.parse(line))
}

const json = async (...args: string[]): Promise<Record<string, unknown>> => {
  const objects = objectsOf(await vicrop([...args, '--model', model, '--json']))
  expect(objects).toHaveLength(1)
  return objects[0] as Record<string, unknown>
}

const withoutTimings = ({ timings: _, ...facts }: Record<string, unknown>): Record<string, unknown> => facts

/** What the library answers, as JSON has it. */
const asJson = ({ importance, timings: _, ...facts }: Look | Answer): Record<string, unknown> => ({
  ...facts,
  ...('others' in facts && {
    others: facts.others.map(other => ({ ...asJson(other), timings: expect.any(Object) })),
  }),
  importance: importance && {
    ...importance,
    values: Array.from(importance.values, value => Number(value.toPrecision(7))),
  },
})

let library: ViCrop
const answers = new Map<string, Answer>()
beforeAll(async () => {
  library = await ViCrop.open(model)
  using seen = await library.see(picture)
  for (const question of questions) answers.set(question, await seen.ask(question))
})
afterAll(() => library.release())

describe('vicrop ask --json', () => {
  it('prints one object and nothing else, with the keys that are promised', async () => {
    const object = await json('ask', picture, first)
    expect(Object.keys(object).sort()).toEqual([
      'answer',
      'blocks',
      'connectorLayers',
      'crop',
      'cropReason',
      'finishReason',
      'image',
      'importance',
      'layers',
      'method',
      'model',
      'others',
      'plainAnswer',
      'question',
      'target',
      'timings',
      'usage',
      'variant',
    ])
    expect(Object.keys(object.importance as object)).toEqual(['rows', 'columns', 'values', 'geometry'])
    expect(Object.values(object.timings as object).every(ms => ms > 0)).toBe(true)
    expect(withoutTimings(object)).toEqual(asJson(answers.get(first) as Answer))
  })

  it('answers about several pictures, and says where it looked in each', async () => {
    const [one, two] = [await library.see(picture), await library.see(picturePath('tall'))]
    const together = await one.ask(first, { others: [two] })
    const args = ['ask', picture, first, '--image', picturePath('tall')]
    expect(withoutTimings(await json(...args))).toEqual(asJson(together))
    const { stdout } = await vicrop([...args, '--model', model])
    const [own, other] = [together.crop, together.others[0]?.crop].map(
      crop => `${crop?.x},${crop?.y} ${crop?.width}x${crop?.height} (rel-att, layer 1)`,
    )
    expect(stdout).toContain(`\ncrop            ${own}\nof picture 2    ${other}\n`)
    expect(stdout).toContain(`\nwith the crops  ${together.answer}\n`)
  })

  it('answers several questions in their order as each alone, a line and a file each', async () => {
    const folder = temporaryFolder()
    const files = ['--save-map', join(folder, 'map.png'), '--save-crop', join(folder, 'crop.png')]
    const args = ['ask', picture, first, '-q', second, '--question', first, ...files]
    const objects = objectsOf(await vicrop([...args, '--model', model, '--json']))
    expect(objects.map(withoutTimings)).toEqual(
      [first, second, first].map(question => asJson(answers.get(question) as Answer)),
    )
    expect(readdirSync(folder).sort()).toEqual([
      'crop-1.png',
      'crop-2.png',
      'crop-3.png',
      'map-1.png',
      'map-2.png',
      'map-3.png',
    ])
    const { width, height } = await sharp(join(folder, 'map-2.png')).metadata()
    expect(height / width).toBeCloseTo(122 / 163)
    expect(await decodeImage(join(folder, 'crop-2.png'))).toEqual(
      cropImage(
        await decodeImage(picture),
        (answers.get(second) as Answer).crop as NonNullable<Answer['crop']>,
      ),
    )
  })

  it('takes a crop, and then looks nowhere', async () => {
    const crop = join(temporaryFolder(), 'crop.png')
    const box = { x: 10, y: 20, width: 70, height: 40 }
    const object = await json('ask', picture, first, '--crop', '10,20,70,40', '--save-crop', crop)
    expect(object).toMatchObject({ crop: box, cropReason: null, importance: null })
    expect(object.plainAnswer).toBe(answers.get(first)?.plainAnswer)
    expect(await decodeImage(crop)).toEqual(cropImage(await decodeImage(picture), box))
  })

  it('answers from the whole picture with --method none', async () => {
    const object = await json('ask', picture, first, '--method', 'none', '--max-new-tokens', '3')
    expect(object).toMatchObject({ crop: null, cropReason: 'method none', importance: null })
    expect(object.answer).toBe(object.plainAnswer)
  })

  it('uses the checkpoint’s chat template with --prompt chat', async () => {
    await using chatting = await ViCrop.open(model, { prompt: 'chat' })
    using seen = await chatting.see(picture)
    expect(withoutTimings(await json('ask', picture, second, '--prompt', 'chat'))).toEqual(
      asJson(await seen.ask(second)),
    )
  })
})

describe('vicrop look --json', () => {
  it('prints what ask prints without the answers', async () => {
    const { answer, plainAnswer, others, usage, finishReason, ...look } = asJson(answers.get(first) as Answer)
    expect(withoutTimings(await json('look', picture, first))).toEqual(look)
  })

  test.each([
    ['0,2', [0, 2], 'crop', { x: (163 - 122) / 2, y: 0, width: 122, height: 122 }],
    ['all', [0, 1, 2], 'pad', { x: 0, y: -20, width: 163, height: 163 }],
    ['0-1,1-2', [0, 1, 2], 'stretch', { x: 0, y: 0, width: 163, height: 122 }],
  ])('reads --layers %s as %j, and fits the picture by --fit %s', async (list, layers, fit, view) => {
    const { importance, ...facts } = await json('look', picture, first, '--layers', list, '--fit', fit)
    expect(facts).toMatchObject({ layers })
    const { geometry } = importance as { geometry: { view: Record<string, number> } }
    const pixels = Object.entries(geometry.view).map(([side, value]) =>
      Math.abs(value - (view as Record<string, number>)[side]!),
    )
    expect(Math.max(...pixels), 'pixels apart').toBeLessThan(2)
  })

  it('looks for the grounds of an answer', async () => {
    const look = await json('look', picture, first, '--method', 'grad-att', '--target', 'red sign')
    using seen = await library.see(picture)
    const expected = await seen.look(first, { method: 'grad-att', target: 'red' })
    expect(withoutTimings(look)).toEqual(asJson(expected))
  })
})

describe('vicrop with pure-grad and blocks', () => {
  it('goes back to the pixels, in the variant asked for', async () => {
    const look = await json('look', picture, first, '--method', 'pure-grad', '--variant', 'code')
    using seen = await library.see(picture)
    expect(withoutTimings(look)).toEqual(
      asJson(await seen.look(first, { method: 'pure-grad', variant: 'code' })),
    )
  })

  it('looks at a large picture block by block, and says so', async () => {
    const large = join(temporaryFolder(), 'large.png')
    await sharp(picture).resize(1100, 400, { fit: 'fill' }).toFile(large)
    expect(await json('look', large, first)).toMatchObject({ blocks: { rows: 1, columns: 3 } })
    expect(await json('look', large, first, '--high-res', 'off')).toMatchObject({ blocks: null })
    const { stdout } = await vicrop(['look', large, first, '-m', model])
    expect(stdout).toMatch(/\(rel-att, layer 1, 3 x 1 blocks\)/)
  })
})

describe('for people', () => {
  const withoutNumbers = (text: string): string => text.replaceAll(/\d+(\.\d+)?/g, '0')

  it('vicrop ask prints a few lines', async () => {
    const map = join(temporaryFolder(), 'map.png')
    const { status, stdout, stderr } = await vicrop(['ask', picture, first, '-m', model, '--save-map', map])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const { answer, plainAnswer } = answers.get(first) as Answer
    const shown = stdout
      .replace(plainAnswer.replaceAll(/\p{Cc}/gu, '\ufffd'), 'PLAIN')
      .replace(answer.replaceAll(/\p{Cc}/gu, '\ufffd'), 'ANSWER')
      .replace(map, 'MAP')
    expect(withoutNumbers(shown)).toMatchInlineSnapshot(`
      "question       What is the colour of the small sign?
      plain answer   PLAIN
      crop           0,0 0x0 (rel-att, layer 0)
      with the crop  ANSWER
      map            MAP
      time           0 s (picture 0, plain answer 0, map 0, crop 0, answer 0)
      "
    `)
    expect(existsSync(map)).toBe(true)
    // What a model says is not obeyed by the terminal.
    expect(answer).toMatch(/\p{Cc}/u)
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })

  test.each([[['--help']], [['ask', '--help']], [['look', '--help']]])(
    'the help of vicrop %j has lines of at most 80 columns',
    async args => {
      const { status, stdout, stderr } = await vicrop(args)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(stdout).toMatch(/^Usage: vicrop /)
      expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80)
    },
  )
})

it('an interrupted call ends with 130, whole lines and whole files', async () => {
  const folder = temporaryFolder()
  const many = Array.from({ length: 200 }, (_, i) => ['-q', `Is it number ${i}?`]).flat()
  const args = ['look', picture, ...many, '-m', model, '--json', '--save-map', join(folder, 'map.png')]
  let interrupted = false
  const { status, stdout, stderr } = await vicrop(args, {
    onOutput() {
      if (interrupted) return null
      interrupted = true
      return 'SIGINT'
    },
  })
  expect({ status, stderr }).toEqual({ status: 130, stderr: '' })
  const lines = stdout.trimEnd().split('\n').length
  expect(objectsOf({ status: 0, stdout, stderr })).toHaveLength(lines)
  expect(lines).toBeLessThan(200)
  const files = readdirSync(folder)
  expect(files.every(file => /^map-\d+\.png$/.test(file))).toBe(true)
  for (const file of files) await decodeImage(join(folder, file))
})

it('a reader that stops reading ends the call quietly', async () => {
  const many = Array.from({ length: 200 }, (_, i) => ['-q', `Is it number ${i}?`]).flat()
  const args = ['look', picture, ...many, '-m', model, '--json']
  const { status, stderr } = await vicrop(args, { onOutput: () => 'stop reading' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})
