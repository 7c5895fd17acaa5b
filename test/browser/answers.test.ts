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
  count: number = asked.length,
) =>
  page.evaluate(
    async ({ options, asked, methods }): Promise<Found[]> => {
      const opened = await vicrop.ViCrop.open('/demo/model', options)
      const found: Found[] = []
      for (const [name, question] of asked) {
        const picture = await opened.see(`/demo/pictures/${name}.webp`)
        for (const method of methods) {
          const { answer, plainAnswer, crop, importance } = await picture.ask(question, { method })
          found.push({ answer, plainAnswer, crop, map: [...(importance?.values ?? [])] })
        }
        picture.release()
      }
      await opened.release()
      return found
    },
    { options, asked: asked.slice(0, count), methods },
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

  it('gives the answers', async () => {
    const found = await answersIn(opened(), { device: 'webgpu' }, 2)
    const answers = found.map(({ plainAnswer, answer }) => [plainAnswer, answer])
    expect(answers).toEqual(
      expected.slice(0, found.length).map(({ plainAnswer, answer }) => [plainAnswer, answer]),
    )
  })
})
