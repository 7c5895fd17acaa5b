import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { usePage, withoutBrowser } from './browser.ts'

const picture = fileURLToPath(new URL('../../demo/pictures/003.webp', import.meta.url))

describe.skipIf(withoutBrowser !== null)('examples/browser', { timeout: 120_000 }, () => {
  const opened = usePage({ root: 'examples/browser' })

  it('answers a question about a picture that was picked, in a worker', async () => {
    const { page, errors } = opened()
    await page.setInputFiles('input[type=file]', picture)
    await page.fill('input[name=question]', 'What is the date on the form?')
    await page.click('button')
    const output = page.locator('output', { hasText: 'with the crop' })
    expect(await output.textContent({ timeout: 90_000 })).toMatchInlineSnapshot(
      `"74, and with the crop {"x":116,"y":98,"width":80,"height":80}: 44"`,
    )
    expect(errors).toEqual([])
  })
})
