// The page as the README shows it, in light and in dark colours side by side: docs/images/page.png.
//   npm run build:page && node web/screenshot.js
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import sharp from 'sharp'
import { preview } from 'vite'

const at = path => fileURLToPath(new URL(path, import.meta.url))
const size = { width: 1400, height: 900 }

const profile = mkdtempSync(join(tmpdir(), 'vicrop-page-'))
const server = await preview({ root: at('.'), preview: { port: 0 } })
const context = await chromium.launchPersistentContext(profile, {
  // vite's preview compresses what has a range as well.
  extraHTTPHeaders: { 'accept-encoding': 'identity' },
  executablePath: '/usr/bin/chromium',
  headless: true,
  viewport: size,
  args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-gpu'],
})
const page = await context.newPage()
await page.goto(server.resolvedUrls.local[0])
await page.getByRole('button', { name: 'What is the date on the form?' }).click()
await page.locator('.answers[aria-busy=false]').waitFor({ timeout: 240_000 })
await page.getByRole('button', { name: 'cyan triangle' }).click()
await page.getByRole('heading', { name: 'Answers' }).waitFor()
await page.waitForFunction(() => document.querySelectorAll('.chip:not(.new)').length === 2, null, {
  timeout: 240_000,
})
await page.mouse.move(0, 0)
const [light, dark] = [await shot('light'), await shot('dark')]
await context.close()
await server.close()
rmSync(profile, { recursive: true })

// Light on the left of a slanted line, dark on the right.
const { width, height } = size
const mask = `<svg width="${width}" height="${height}"><path d="M${width * 0.56} 0H${width}V${height}H${width * 0.44}Z"/></svg>`
const right = await sharp(dark)
  .composite([{ input: Buffer.from(mask), blend: 'dest-in' }])
  .png()
  .toBuffer()
await sharp(light)
  .composite([{ input: right }])
  .png({ palette: true, quality: 90 })
  .toFile(at('../docs/images/page.png'))

async function shot(colorScheme) {
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
  return page.screenshot()
}
