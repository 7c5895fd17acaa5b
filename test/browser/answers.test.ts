import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, ViCrop } from '../../src/index.ts'
import { relativeError } from '../models/fixtures.ts'
import { type Opened, usePage, withoutBrowser } from './browser.ts'
import type { UnderTest } from './page/page.ts'

declare const vicrop: UnderTest

const asked = [
  ['003', 'What is the date on the form?'],
  ['000', 'What sign is printed inside the pink diamond?'],
  ['001', 'Which character is written on the red heart?'],
  ['002', 'What shape does the object with the T have?'],
  ['006', 'What number is on the cyan plate?'],
] as const
const methods = ['rel-att', 'grad-att', 'pure-grad'] as const

const picturePath = (name: string): string =>
  fileURLToPath(new URL(`../../demo/pictures/${name}.webp`, import.meta.url))

/** In the order of `asked`, by method. */
async function answersInNode(): Promise<Answer[]> {
  await using opened = await ViCrop.open()
  const answers: Answer[] = []
  for (const [name, question] of asked) {
    using picture = await opened.see(picturePath(name))
    for (const method of methods) answers.push(await picture.ask(question, { method }))
  }
  return answers
}

type Found = Pick<Answer, 'answer' | 'plainAnswer' | 'crop'> & { readonly map: number[] }

/** The same in a page. */
const answersIn = (
  { page }: Opened,
  options: { device?: 'cpu' | 'webgpu'; threads?: number },
  questions: readonly (typeof asked)[number][] = asked,
  by: readonly (typeof methods)[number][] = methods,
) =>
  page.evaluate(
    async ({ options, questions, by }): Promise<Found[]> => {
      const opened = await vicrop.ViCrop.open('/demo/model', options)
      const found: Found[] = []
      for (const [name, question] of questions) {
        const picture = await opened.see(`/demo/pictures/${name}.webp`)
        for (const method of by) {
          const { answer, plainAnswer, crop, importance } = await picture.ask(question, { method })
          found.push({ answer, plainAnswer, crop, map: [...(importance?.values ?? [])] })
        }
        picture.release()
      }
      await opened.release()
      return found
    },
    { options, questions, by },
  )

const mapErrors = (found: readonly Found[], expected: readonly Answer[]): number[] =>
  found.map(({ map }, i) => relativeError(Float32Array.from(map), expected[i]!.importance!.values))

const withoutMaps = (answers: readonly Pick<Answer, 'answer' | 'plainAnswer' | 'crop'>[]) =>
  answers.map(({ answer, plainAnswer, crop }) => ({ answer, plainAnswer, crop }))

let expected: Answer[]
beforeAll(async () => {
  if (withoutBrowser === null) expected = await answersInNode()
}, 120_000)

describe.skipIf(withoutBrowser !== null)('the demo model in a browser', { timeout: 300_000 }, () => {
  const opened = usePage()
  afterEach(() => expect(opened().errors.splice(0)).toEqual([]))

  it('gives Node’s answers, crops and maps by all three methods', async () => {
    const found = await answersIn(opened(), {})
    expect(withoutMaps(found)).toEqual(withoutMaps(expected))
    expect(Math.max(...mapErrors(found, expected))).toBeLessThan(1e-4)
  })

  it('says what it does, and ends a question that is aborted with the reason', async () => {
    const found = await opened().page.evaluate(async ([name, question]) => {
      const opened = await vicrop.ViCrop.open('/demo/model')
      const picture = await opened.see(`/demo/pictures/${name}.webp`)
      const stages: string[] = []
      const pieces = { plainAnswer: '', answer: '' }
      const { answer, plainAnswer } = await picture.ask(question, {
        onProgress: stage => stages.push(stage),
        onText: ({ of, text }) => {
          pieces[of] += text
        },
      })
      const controller = new AbortController()
      const aborted = picture.ask(question, {
        signal: controller.signal,
        onProgress: () => controller.abort(new Error('changed my mind')),
      })
      const error = await aborted.catch((error: Error) => error.message)
      const again = await picture.ask(question)
      // As a worker posts it.
      const posted = structuredClone(again)
      await opened.release()
      return {
        stages,
        pieces,
        answers: [plainAnswer, answer],
        error,
        again: [posted.plainAnswer, posted.answer],
      }
    }, asked[0])
    const { plainAnswer, answer } = expected[0]!
    expect(found).toEqual({
      stages: ['plain answer', 'map', 'crop answer'],
      pieces: { plainAnswer, answer },
      answers: [plainAnswer, answer],
      error: 'changed my mind',
      again: [plainAnswer, answer],
    })
  })
})

describe.skipIf(withoutBrowser !== null)('in an isolated page', { timeout: 300_000 }, () => {
  const opened = usePage({ isolated: true })
  afterEach(() => expect(opened().errors.splice(0)).toEqual([]))

  it('two threads give the same', async () => {
    const found = await answersIn(opened(), { threads: 2 })
    expect(withoutMaps(found)).toEqual(withoutMaps(expected))
    expect(Math.max(...mapErrors(found, expected))).toBeLessThan(1e-4)
  })
})

describe.skipIf(withoutBrowser !== null)('on webgpu', { timeout: 600_000 }, () => {
  const opened = usePage({ adapter: 'software' })
  afterEach(() => expect(opened().errors.splice(0)).toEqual([]))

  it('gives Node’s answers, crops and maps', async () => {
    const found = await answersIn(opened(), { device: 'webgpu' }, asked.slice(0, 2), ['rel-att'])
    const inNode = [expected[0]!, expected[methods.length]!]
    expect(withoutMaps(found)).toEqual(withoutMaps(inNode))
    expect(Math.max(...mapErrors(found, inNode))).toBeLessThan(1e-4)
  })
})
