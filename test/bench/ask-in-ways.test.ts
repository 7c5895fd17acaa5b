import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Asker, askInWays, type Outcome } from '../../src/bench/ask-in-ways.ts'
import type { Question } from '../../src/bench/question.ts'
import type { Way } from '../../src/bench/row.ts'
import { storeMap } from '../../src/bench/stored-map.ts'
import { type AskOptions, attentionRatios, type Box, type Picture, ViCrop } from '../../src/index.ts'
import { question as sample } from './sample-row.ts'

const benchmark = new URL('../../demo/benchmark/', import.meta.url)
const file = new URL('000.webp', benchmark)
const asked = JSON.parse(readFileSync(new URL('questions.json', benchmark), 'utf8'))[0]
const question: Question = { ...sample, question: asked.question, boxes: [asked.box] }

let vicrop: ViCrop
let picture: Picture
beforeAll(async () => {
  vicrop = await ViCrop.open()
  picture = await vicrop.see(readFileSync(file))
})
afterAll(() => vicrop.release())

const askerOf = (more: Partial<Asker> = {}): Asker => ({
  vicrop,
  answerer: null,
  maxNewTokens: 20,
  ratios: false,
  signal: new AbortController().signal,
  ...more,
})

async function ask(
  ways: readonly Way[],
  more: Partial<Question> = {},
  asker: Partial<Asker> = {},
): Promise<Outcome[]> {
  return (await askInWays(picture, { ...question, ...more }, ways, askerOf(asker))).outcomes
}

/** What the library answers to this alone. */
async function alone(text: string, options: AskOptions) {
  using fresh = await vicrop.see(readFileSync(file))
  const { answer, crop, importance } = await fresh.ask(text, options)
  return { answer, crop, importance }
}

type Answered = Awaited<ReturnType<typeof alone>>

/** Maps differ by the rounding of where a prefix was cut. */
function expectSame(found: Answered | null | undefined, { importance, ...expected }: Answered): void {
  expect(found).toMatchObject(expected)
  const [values, exact] = [found?.importance?.values ?? [], importance?.values ?? new Float32Array()]
  expect(values).toHaveLength(exact.length)
  const largest = Math.max(...exact)
  exact.forEach((value, i) => {
    expect(Math.abs((values[i] as number) - value)).toBeLessThan(1e-4 * largest)
  })
}

describe('a question asked in several ways', () => {
  it('is answered in each as the library does it', async () => {
    const ways: Way[] = [
      { method: 'none' },
      { method: 'rel-att' },
      { method: 'rel-att', layers: 'all' },
      { method: 'grad-att', layers: [2, 3] },
      { method: 'pure-grad' },
      { method: 'pure-grad', variant: 'code' },
      { method: 'rel-att', highRes: 'on' },
    ]
    const options: AskOptions[] = [
      { method: 'none' },
      { method: 'rel-att' },
      { method: 'rel-att', layers: [0, 1, 2, 3] },
      { method: 'grad-att', layers: [2, 3] },
      { method: 'pure-grad' },
      { method: 'pure-grad', variant: 'code' },
      { method: 'rel-att', highRes: 'on' },
    ]
    const outcomes = await ask(ways)
    expect(outcomes.map(({ way }) => way)).toEqual(ways)
    for (const [i, { found }] of outcomes.entries())
      expectSame(found, await alone(question.question, options[i] as AskOptions))
  })

  it('is answered from crops that no method finds', async () => {
    const ways: Way[] = [{ method: 'human' }, { method: 'centre' }, { method: 'random', seed: 3 }]
    const outcomes = await ask(ways)
    const [human, centre] = outcomes.map(({ found }) => found?.crop as Box)
    // The thing is 20 x 20 pixels at 91,153; the model's input 80, the picture 276 x 368.
    expect(human).toEqual({ x: 61, y: 123, width: 80, height: 80 })
    expect(centre).toEqual({ x: 98, y: 144, width: 80, height: 80 })
    for (const { found } of outcomes)
      expect(found).toMatchObject(await alone(question.question, { crop: found?.crop as Box }))
  })

  it('has no human crop without boxes', async () => {
    const [outcome, plain] = await ask([{ method: 'human' }, { method: 'none' }], { boxes: [] })
    expect(outcome?.found).toMatchObject({ crop: null, cropReason: 'no box', answer: plain?.found?.answer })
  })

  it('is looked at under its question for the map, and answered under its own', async () => {
    const [outcome] = await ask([{ method: 'rel-att' }], { mapQuestion: 'What is the date on the form?' })
    const look = await alone('What is the date on the form?', { method: 'rel-att' })
    const { answer } = await alone(question.question, { crop: look.crop as Box })
    expectSame(outcome?.found, { ...look, answer })
  })

  it('has the time of each of its stages, also of those that it shares with others', async () => {
    const outcomes = await ask([{ method: 'none' }, { method: 'rel-att' }, { method: 'human' }])
    const stages = outcomes.map(({ found }) => Object.keys(found?.timings ?? {}).sort())
    expect(stages).toEqual([
      ['encodeMs', 'plainAnswerMs'],
      ['answerMs', 'encodeCropMs', 'encodeMs', 'mapMs'],
      ['answerMs', 'encodeCropMs', 'encodeMs'],
    ])
    expect(new Set(outcomes.map(({ found }) => found?.timings.encodeMs)).size).toBe(1)
  })

  it('has the attention ratio of each layer, the mean over its boxes', async () => {
    const boxes = [asked.box, { x: 0, y: 0, width: 30, height: 30 }]
    const [outcome] = await ask([{ method: 'none' }], { boxes }, { ratios: true })
    const ratios = await Promise.all(
      boxes.map(box => attentionRatios(picture, { question: question.question, box })),
    )
    expect(outcome?.found?.ratios).toEqual(ratios[0]?.map((ratio, i) => (ratio + ratios[1]![i]!) / 2))
    const [none] = await ask([{ method: 'none' }], { boxes: [] }, { ratios: true })
    expect(none?.found?.ratios).toBeNull()
  })

  it('fails in the ways in which it cannot be asked, and in no other', async () => {
    const outcomes = await ask([{ method: 'rel-att', layers: [9] }, { method: 'none' }])
    expect(outcomes.map(({ error }) => error)).toEqual([
      'layer 9: the model has layers 0 to 3. Name some of these.',
      null,
    ])
    const long = await ask([{ method: 'none' }, { method: 'human' }], { question: 'why '.repeat(3000) })
    expect(long.map(({ error }) => error?.replace(/\d{4,}/, 'N'))).toEqual([
      'prompt: N positions, the model has room for 1024. Ask a shorter question.',
      'crop: with it the prompt has N positions, the model has room for 1024. Show a smaller picture, or ask with method none.',
    ])
  })

  it('ends when it is interrupted', async () => {
    const interruption = new AbortController()
    interruption.abort()
    await expect(ask([{ method: 'rel-att' }], {}, { signal: interruption.signal })).rejects.toThrow('abort')
  })
})

describe('somebody else who answers', () => {
  it('is shown each crop once, and the picture alone for ways without one', async () => {
    const shown: unknown[] = []
    const answerer: Asker['answerer'] = async (text, { width, height }, crop, { maxNewTokens }) => {
      shown.push([text, width, height, crop, maxNewTokens])
      return crop === null ? 'from the whole' : `from ${crop.x}`
    }
    const by = { answerer: 'other' }
    const ways: Way[] = [
      { method: 'none', ...by },
      { method: 'human', ...by },
      { method: 'human', ...by, layers: [1] },
    ]
    const outcomes = await ask(ways, { boxes: [asked.box] }, { answerer })
    expect(outcomes.map(({ found }) => found?.answer)).toEqual(['from the whole', 'from 61', 'from 61'])
    const crop = { x: 61, y: 123, width: 80, height: 80 }
    expect(shown).toEqual([
      [question.question, 276, 368, null, 20],
      [question.question, 276, 368, crop, 20],
    ])
  })
})

it('a map is stored in a byte a cell', () => {
  const map = { rows: 1, columns: 4, geometry: {} as never }
  const levels = (...values: number[]): number[] => [
    ...Buffer.from(storeMap({ ...map, values: Float32Array.from(values) }).levels, 'base64'),
  ]
  expect(levels(0, 1, 2, 4)).toEqual([0, 64, 128, 255])
  expect(levels(0, 0, 0, 0)).toEqual([0, 0, 0, 0])
  expect(levels(Number.NaN, 1, 2, 4)).toEqual([0, 0, 0, 0])
})
