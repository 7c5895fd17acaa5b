// How long the first answer takes in a browser, from opening the page on, and a question there over the same in Node.
//   npm run bench:page
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { ViCrop } from 'vicrop'
import { preview } from 'vite'

const runs = 5
const questions = 9
const question = 'What is the date on the form?'

const vicrop = await ViCrop.open()
const picture = await vicrop.see('demo/pictures/003.webp')
const server = await preview({
  root: fileURLToPath(new URL('../../web/', import.meta.url)),
  preview: { port: 0 },
})
const firsts: number[] = []
const quotients: number[] = []
for (let run = 0; run < runs; run++) {
  const profile = mkdtempSync(join(tmpdir(), 'vicrop-page-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-gpu'],
  })
  const page = await context.newPage()
  const start = performance.now()
  await page.goto(server.resolvedUrls?.local[0] as string)
  await page.getByRole('button', { name: question }).click()
  await page.locator('.answers[aria-busy=false]').waitFor({ timeout: 240_000 })
  firsts.push(performance.now() - start)
  for (let i = 0; i < questions; i++) {
    const inBrowser = await page.evaluate(askAgain)
    const from = performance.now()
    await picture.ask(question)
    quotients.push(inBrowser / (performance.now() - from))
  }
  await context.close()
  rmSync(profile, { recursive: true })
}
await server.close()
await vicrop.release()
console.log(`first answer after ${spread(firsts, ms => `${(ms / 1000).toFixed(1)} s`)}`)
console.log(`a question in the browser over the same in Node: ${spread(quotients, x => x.toFixed(2))}`)

/** In the page: presses the button, and says how long it takes until the answers are there. */
async function askAgain(): Promise<number> {
  const start = performance.now()
  document.querySelector<HTMLElement>('.primary')?.click()
  const isBusy = (): boolean => document.querySelector('.answers')?.getAttribute('aria-busy') === 'true'
  await new Promise<void>(resolve => {
    let wasBusy = false
    const observer = new MutationObserver(() => {
      if (wasBusy && !isBusy()) {
        observer.disconnect()
        resolve()
      }
      wasBusy ||= isBusy()
    })
    observer.observe(document.body, { subtree: true, childList: true, attributes: true })
  })
  return performance.now() - start
}

/** The median, with the least and the most. */
function spread(values: readonly number[], format: (value: number) => string): string {
  const sorted = values.toSorted((a, b) => a - b) as [number, ...number[]]
  return `${format(sorted[sorted.length >> 1] as number)} (${format(sorted[0])} to ${format(sorted.at(-1) as number)})`
}
