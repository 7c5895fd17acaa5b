import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import type { Image } from '../../src/image/image.ts'
import { launch } from '../browser/browser.ts'
import { pageFolder, type Site } from './sites.ts'

/** The page in a browser, opened anew for each test file; nothing that goes wrong in it is missed. */
export function usePage(start: () => Promise<Site>): () => Page {
  const folder = mkdtempSync(join(tmpdir(), 'vicrop-page-'))
  const errors: string[] = []
  const elsewhere: string[] = []
  let site: Site
  let context: BrowserContext
  let page: Page
  beforeAll(async () => {
    if (!existsSync(join(pageFolder, 'index.html')))
      throw new Error('the page is not built: npm run build:page')
    site = await start()
    context = await launch(folder, 'none', { width: 1400, height: 1000 })
    page = await context.newPage()
    page.on('console', message => message.type() === 'error' && errors.push(message.text()))
    page.on('pageerror', error => errors.push(String(error)))
    page.on('request', request => {
      const { origin, protocol } = new URL(request.url())
      if (origin !== site.origin && protocol !== 'data:' && !request.url().startsWith(`blob:${site.origin}`))
        elsewhere.push(request.url())
    })
    await page.goto(site.origin)
  }, 120_000)
  afterEach(() => {
    expect(errors.splice(0)).toEqual([])
    expect(elsewhere.splice(0)).toEqual([])
  })
  afterAll(async () => {
    await context?.close()
    await site?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return () => page
}

/** Longer than anything takes here, the runtime's start included, on a machine that does ten other things. */
export const patience = { timeout: 240_000 }

/** The answers on their cards, in their order, once they are there. */
export async function answersOn(page: Page): Promise<string[]> {
  const answers = page.locator('.answers[aria-busy=false]')
  await answers.waitFor(patience)
  return answers.locator('.answer').allTextContents()
}

/** Where the crops are that the cards show, as [x, y, width, height]. */
export async function cropsOn(page: Page): Promise<number[][]> {
  const places = await page.locator('.answers .place').allTextContents()
  return places.map(text => {
    const [width, height, x, y] = (text.match(/\d+/g) ?? []).map(Number)
    return [x, y, width, height] as number[]
  })
}

/** Asks by an example's first question. */
export async function chooseExample(page: Page, question: string): Promise<void> {
  await page.getByRole('region', { name: 'Try one of these' }).getByRole('button', { name: question }).click()
}

/** The heat map as it is drawn. */
export async function heatOn(page: Page): Promise<Image> {
  const url = await page.locator('canvas.heat').evaluate(canvas => (canvas as HTMLCanvasElement).toDataURL())
  return decodeImage(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'))
}
