import { expect, it } from 'vitest'
import { ViCrop } from '../../src/index.ts'
import { modelPath, picturePath } from '../models/fixtures.ts'

async function useOnce(): Promise<void> {
  await using vicrop = await ViCrop.open(modelPath('base'))
  using picture = await vicrop.see(picturePath('wide'))
  await picture.ask('Is the door open?', { maxNewTokens: 1 })
}

const residentMegabytes = (): number => process.memoryUsage().rss / 1e6

// The sessions of one open model take about 5 MB of this checkpoint: 20 left open, 100 MB.
it('twenty models opened and released leave less than 60 MB behind', { timeout: 60_000 }, async () => {
  for (let i = 0; i < 8; i++) await useOnce()
  const before = residentMegabytes()
  for (let i = 0; i < 20; i++) await useOnce()
  expect(residentMegabytes() - before).toBeLessThan(60)
})
