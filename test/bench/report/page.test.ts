import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Card } from '../../../src/bench/report/card.ts'
import { toHtml } from '../../../src/bench/report/page.ts'
import { buildReport } from '../../../src/bench/report/report.ts'
import type { Way } from '../../../src/bench/row.ts'
import { studies } from '../../../src/bench/studies/registry.ts'
import { launch, withoutBrowser } from '../../browser/browser.ts'
import { answered, asked, experimentOf, run, square } from './rows.ts'

// The page in a browser, as people open it: from a file.

/** What would run, load or break out of its place if it were taken for anything but text. */
const hostile = `</p></title><script>document.title='run'</script><img src="http://127.0.0.1:9/x" onerror="document.title='run'">"'&amp;`

const ways: Way[] = [
  { method: 'none' },
  { method: 'rel-att' },
  { method: 'human' },
  { method: 'none', answerer: hostile },
  { method: 'rel-att', answerer: hostile },
]

/** A grey pixel. */
const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=='

const card = (outcome: Card['outcome'], question: string): Card => ({
  outcome,
  model: hostile,
  benchmark: 'demo',
  way: 'rel-att',
  id: question,
  question,
  expected: { type: 'answers', answers: [hostile] },
  plain: { answer: hostile, score: 1 },
  cropped: { answer: '', score: 0 },
  image: { width: 100, height: 100 },
  crop: { x: 50, y: 0, width: 50, height: 100 },
  boxes: square(9),
  picture: pixel,
  close: pixel,
})

async function pageText(): Promise<string> {
  const tags = { family: 'read', [hostile]: hostile }
  const rows = ['1', '2', '3'].flatMap(id =>
    answered(
      asked(id, {
        boxes: square(id === '3' ? 9 : 30),
        tags: id === '1' ? { ...tags, [hostile]: 'x' } : tags,
      }),
      ways,
      ['b', 'a', 'a', 'b', 'a'],
      {
        ratios: [1, 3, 2, 1],
        localisation: { attentionRatio: 2, pointed: true, covered: 0.6 },
        timings: { encodeMs: 90, plainAnswerMs: 20, mapMs: 5, encodeCropMs: 80, answerMs: 30 },
      },
    ),
  )
  const runs = [run('r1', 'demo', { model: { ...run('', 'demo').model, name: hostile } })]
  const failed = [{ ...rows[0]!, error: hostile }]
  const report = buildReport(
    { experiments: [await experimentOf(rows, runs, failed)], notes: [] },
    runs,
    studies,
  )
  const cards = [card('lost', hostile), card('won', 'second'), card('won', 'third')]
  return toHtml(report, { cards, leftOut: 1200 })
}

describe.skipIf(withoutBrowser !== null)('the page in a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vicrop-page-'))
  let browser: BrowserContext | undefined
  let page: Page
  const seen: string[] = []

  beforeAll(async () => {
    writeFileSync(join(folder, 'report.html'), await pageText())
    browser = await launch(folder)
    page = await browser.newPage()
    await page.setViewportSize({ width: 360, height: 740 })
    page.on('console', message => seen.push(message.text()))
    page.on('pageerror', error => seen.push(error.message))
    page.on('request', request => {
      if (!/^(file|data):/.test(request.url())) seen.push(request.url())
    })
    await page.goto(`file://${join(folder, 'report.html')}`)
  }, 60_000)

  afterAll(async () => {
    await browser?.close()
    rmSync(folder, { recursive: true })
  })

  it('opens without an error, a message or a request, whatever its texts say', async () => {
    await page.evaluate(() => new Promise(resolve => setTimeout(resolve, 200)))
    expect(seen).toEqual([])
    expect(await page.title()).toBe(`Results of ${hostile}`)
    expect(await page.locator('script').count()).toBe(0)
    expect(await page.locator('.asked').first().textContent()).toBe(hostile)
  })

  it('is no wider than a telephone: tables are moved by themselves', async () => {
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    expect(width).toBe(360)
  })

  it('leads from its contents to every section', async () => {
    const links = await page.locator('nav a').evaluateAll(all => all.map(link => link.getAttribute('href')))
    expect(links).toEqual([
      '#size',
      '#attention',
      '#methods',
      '#overhead',
      '#localisation',
      '#answerer',
      '#gallery',
      '#runs',
    ])
    for (const link of links) expect(await page.locator(link as string).count()).toBe(1)
  })

  it('draws bars as long as their values', async () => {
    const plot = page.locator('#size svg[role=img]')
    expect(await plot.getAttribute('aria-label')).toMatch(
      /^small, S < 0.01 \(1\): no crop 0 %, rel-att 100 %/,
    )
    const widths = await plot
      .locator('[aria-label=bar] rect')
      .evaluateAll(bars => bars.map(bar => bar.getBoundingClientRect().width))
    const most = Math.max(...widths)
    expect(most).toBeGreaterThan(100)
    // No crop, rel-att and the human crop, of small and of large things.
    expect(widths.map(width => width / most)).toEqual([0, 1, 1, 0, 1, 1])
  })

  it('frames the crop where it is', async () => {
    const [picture, crop] = await Promise.all(
      ['.picture img', '.picture rect.crop.over'].map(what =>
        page
          .locator(what)
          .first()
          .evaluate(element => element.getBoundingClientRect().toJSON()),
      ),
    )
    // A crop of the right half of a picture of 100 x 50; the page's picture is a square, so only widths are compared.
    expect(crop!.width / picture!.width).toBeCloseTo(0.5, 1)
  })

  it('shows the questions of one outcome', async () => {
    const shown = (): Promise<string[]> => page.locator('.card:visible .asked').allTextContents()
    expect(await shown()).toEqual([hostile, 'second', 'third'])
    await page.getByLabel('won by cropping (2)').check()
    expect(await shown()).toEqual(['second', 'third'])
    await page.getByLabel('all (3)').check()
    expect(await shown()).toHaveLength(3)
  })

  it('says how many more there would be', async () => {
    expect(await page.locator('#gallery > p').textContent()).toMatch(/There was no room for 1,200 more\.$/)
  })

  it('says of every picture what it shows', async () => {
    const texts = await page
      .locator('img, svg[role=img]')
      .evaluateAll(all => all.map(one => one.getAttribute('alt') ?? one.getAttribute('aria-label')))
    expect(texts).toHaveLength(11)
    expect(texts.every(text => text !== null && text.length > 10)).toBe(true)
  })

  it('is dark where people want that', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    expect(background).toBe('rgb(21, 23, 27)')
  })
})
