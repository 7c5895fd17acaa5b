import { readFileSync } from 'node:fs'
import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { withoutBrowser } from '../browser/browser.ts'
import { answersOn, chooseExample, cropsOn, patience, usePage } from './open-page.ts'
import { staticSite } from './sites.ts'

describe.skipIf(withoutBrowser !== null)('the page', patience, () => {
  const opened = usePage(staticSite)

  it('is used with the keyboard alone: an example, another question, the crop', async () => {
    const page = opened()
    await tabTo(page, '.examples button')
    await page.keyboard.press('Enter')
    expect(await answersOn(page)).toEqual(['74', '44'])
    const [found] = await cropsOn(page)
    await tabTo(page, '.frame')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('Shift+ArrowDown')
    await page.getByRole('heading', { name: 'With your crop' }).waitFor()
    expect(await answersOn(page)).toHaveLength(3)
    const [x, y, width, height] = found as [number, number, number, number]
    expect((await cropsOn(page))[1]).toEqual([x - 4, y, width, height + 4])
    await page.keyboard.press('Escape')
    await expect.poll(() => cropsOn(page), patience).toEqual([found])
  })

  it.each(['dropped', 'pasted'] as const)('takes a picture that is %s', async how => {
    const page = opened()
    await give(page, how, readFileSync('demo/pictures/004.webp'), `${how}.webp`, 'image/webp')
    await page.getByText(`${how}.webp · 416`).waitFor()
    await page
      .getByRole('textbox', { name: 'Ask about the picture' })
      .fill('What number is on the blue plate?')
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    expect(await answersOn(page)).toEqual(['LL', 'P2'])
  })

  it('says what is wrong with a file that is no picture, and keeps what it shows', async () => {
    const page = opened()
    await give(page, 'dropped', Buffer.from('no picture'), 'note.txt', 'text/plain')
    await expect
      .poll(() => page.getByRole('alert').textContent(), patience)
      .toContain('note.txt: not a picture')
    expect(await page.locator('canvas.heat').count()).toBe(1)
  })

  it.each(['light', 'dark'] as const)(
    'is without faults that axe finds, in %s colours',
    async colorScheme => {
      const page = opened()
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await chooseExample(page, 'What is the date on the form?')
      await answersOn(page)
      expect(await faults(page)).toEqual([])
    },
  )

  it('fits a phone', async () => {
    const page = opened()
    await page.setViewportSize({ width: 360, height: 740 })
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    expect(width).toBe(360)
    expect(await faults(page)).toEqual([])
  })
})

/** Goes on with the Tab key until something is reached. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(wanted => document.activeElement?.matches(wanted) ?? false, selector)) return
  }
  throw new Error(`the Tab key does not lead to ${selector}`)
}

const give = (
  page: Page,
  how: 'dropped' | 'pasted',
  bytes: Uint8Array,
  name: string,
  type: string,
): Promise<void> =>
  page.evaluate(
    ({ how, bytes, name, type }) => {
      const data = new DataTransfer()
      data.items.add(new File([new Uint8Array(bytes)], name, { type }))
      const init = { bubbles: true, cancelable: true }
      document.body.dispatchEvent(
        how === 'dropped'
          ? new DragEvent('drop', { ...init, dataTransfer: data })
          : new ClipboardEvent('paste', { ...init, clipboardData: data }),
      )
    },
    { how, bytes: [...bytes], name, type },
  )

/** What axe finds, of WCAG 2.2 AA and good practice. The page's policy allows no foreign script but from here. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const violations = await page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.target).join(' ')}`)
  })
  return violations
}
