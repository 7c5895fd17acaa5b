import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { load } from '../../bench/load.ts'
import { dataUrl } from './app.ts'
import { serve } from './running.ts'

// The short form of `npm run bench:serve`.

const picture = (name: string): string =>
  dataUrl(readFileSync(fileURLToPath(new URL(`../../demo/pictures/${name}`, import.meta.url))), 'webp')

it('64 clients get 200, 429 or 503, one answer to one question, and lose nothing when the server is told to end', async () => {
  const { url, stop } = await serve(['--pictures', '2', '--max-queue', '16'])
  const questions = ['What is the date on the form?', 'What number is on the cyan plate?']
  const subjects = ['000.webp', '003.webp', '006.webp'].map(name => ({ picture: picture(name), questions }))
  let seed = 1
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const until = new AbortController()
  const loading = load({ url, model: 'demo', clients: 64, subjects, random }, until.signal)
  await new Promise(resolve => setTimeout(resolve, 6000))
  const status = stop()
  const { statuses, lost, different } = await loading
  expect({ lost, different, status: await status }).toEqual({ lost: [], different: [], status: 0 })
  expect(Object.keys(statuses).every(code => ['200', '429', '503'].includes(code))).toBe(true)
  expect([statuses[200], statuses[429]].every(count => (count ?? 0) > 10)).toBe(true)
})
