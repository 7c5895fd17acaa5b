import type { Page } from 'playwright-core'
import { afterEach, expect } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import type { Image } from '../../src/image/image.ts'
import { type BrowserOptions, useSite } from '../browser/browser.ts'
import type { Site } from '../browser/server.ts'

/** The page in a browser; nothing that goes wrong in it is missed. */
export function usePage(start: () => Promise<Site>, options: BrowserOptions = {}): () => Page {
  const opened = useSite(start, { viewport: { width: 1400, height: 1000 }, ...options })
  afterEach(() => {
    const { errors, elsewhere } = opened()
    expect([errors.splice(0), elsewhere.splice(0)]).toEqual([[], []])
  })
  return () => opened().page
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
