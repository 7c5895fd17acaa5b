import type { BrowserContext } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { useSite, withoutBrowser } from '../browser/browser.ts'
import type { Site } from '../browser/server.ts'
import { answersOn, chooseExample, patience } from './open-page.ts'
import { isolatedSite, servedSite, staticSite } from './sites.ts'

describe.skipIf(withoutBrowser !== null).each<[string, number, () => Promise<Site>]>([
  ['of a host that sends files alone', 1, staticSite],
  ['of a host that isolates it', 2, isolatedSite],
  ['of the server', 2, servedSite],
])('the page %s', patience, (_, threads, start) => {
  const opened = useSite(start)

  it(`answers in the browser, with threads: ${threads}`, async () => {
    const { page, context, site, errors } = opened()
    await pretendCores(context, 4)
    await page.goto(site.origin)
    const places = page.getByRole('combobox', { name: 'Runs' })
    if (start === servedSite) await places.selectOption('in this browser')
    await chooseExample(page, 'What is the date on the form?')
    expect(await answersOn(page)).toEqual(['74', '44'])
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(threads > 1)
    // The runtime's own is the first thread; each other is a worker that it starts.
    expect(page.workers()).toHaveLength(threads)
    expect(errors).toEqual([])
  })
})

/** Has the runtime, which takes a thread for every two cores, see as many of them, however many there are. */
const pretendCores = (context: BrowserContext, count: number): Promise<unknown> =>
  context.route('**/assets/ort.*.js', async route => {
    const response = await route.fetch()
    const script = await response.text()
    await route.fulfill({ response, body: script.replaceAll('navigator.hardwareConcurrency', `${count}`) })
  })
