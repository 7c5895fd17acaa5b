import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import { cropImage, type Image } from '../../src/image/image.ts'
import { enlargedOverlay } from '../../src/image/overlay.ts'
import { type Picture, ViCrop } from '../../src/index.ts'
import { withoutBrowser } from '../browser/browser.ts'
import type { Site } from '../browser/server.ts'
import { answersOn, chooseExample, cropsOn, heatOn, patience, usePage } from './open-page.ts'
import { difference, stepOfGlow } from './pictures.ts'
import { servedSite, staticSite } from './sites.ts'

const question = 'What is the date on the form?'
const other = 'Can you tell me the symbol on the cyan triangle?'

/** What Node finds, by the same model. */
let vicrop: ViCrop
let picture: Picture
beforeAll(async () => {
  vicrop = await ViCrop.open()
  picture = await vicrop.see('demo/pictures/003.webp')
})
afterAll(() => vicrop.release())

describe.skipIf(withoutBrowser !== null).each<[string, () => Promise<Site>]>([
  ['wholly in the browser', staticSite],
  ['against the server', servedSite],
])('the page, %s', patience, (_, start) => {
  const opened = usePage(start)

  it('answers the question of an example as Node does, with the same crop and map', async () => {
    const page = opened()
    await chooseExample(page, question)
    const { plainAnswer, answer, crop, importance } = await picture.ask(question)
    expect(await answersOn(page)).toEqual([plainAnswer, answer])
    expect(await cropsOn(page)).toEqual([Object.values(crop!)])
    const drawn = enlargedOverlay(picture.image, importance!, null)
    expect(difference(await heatOn(page), drawn)).toBeLessThanOrEqual(stepOfGlow)
  })

  it('says the answers to screen readers', async () => {
    await expect
      .poll(() => opened().getByRole('status').textContent(), patience)
      .toBe('Alone: 74. With the crop: 44.')
  })

  it.each([
    ['grad-att', 'gradientAttention'],
    ['rel-att', 'relativeAttention'],
  ] as const)("shows another layer's map by %s at once and then answers with it", async (method, read) => {
    const page = opened()
    await page.getByRole('radio', { name: method }).check({ force: true })
    const usual = await picture.look(question, { method })
    await expect.poll(() => cropsOn(page), patience).toEqual([Object.values(usual.crop!)])
    const slider = page.getByRole('slider', { name: 'Layer' })
    const [, , , last] = await picture[read](question, { layers: 'all' })
    const expected = enlargedOverlay(picture.image, last!, null)
    const heatWhileSliding = async (): Promise<Image> => {
      // The question is asked when the slider rests.
      await slider.fill('3')
      return heatOn(page)
    }
    await expect
      .poll(async () => difference(await heatWhileSliding(), expected), { timeout: 60_000 })
      .toBeLessThanOrEqual(stepOfGlow)
    const { plainAnswer, answer, crop } = await picture.ask(question, { method, layers: [3] })
    await expect.poll(() => cropsOn(page), patience).toEqual([Object.values(crop!)])
    expect(await answersOn(page)).toEqual([plainAnswer, answer])
    await slider.fill('1')
    await expect.poll(() => cropsOn(page), patience).toEqual([Object.values(usual.crop!)])
  })

  it('answers with a crop that was dragged as Node does with that crop', async () => {
    const page = opened()
    await answersOn(page)
    const frame = (await page.getByRole('application').boundingBox())!
    const [x, y] = [frame.x + frame.width / 2, frame.y + frame.height / 2]
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x - 170, y - 60, { steps: 4 })
    await page.mouse.up()
    await page.getByRole('heading', { name: 'With your crop' }).waitFor()
    const answers = await answersOn(page)
    const [, own] = await cropsOn(page)
    const [left, top, width, height] = own as [number, number, number, number]
    expect([width, height]).toEqual([80, 80])
    expect(left).toBeLessThan(30)
    const { answer } = await picture.ask(question, { crop: { x: left, y: top, width, height }, plain: false })
    expect(answers.at(-1)).toBe(answer)
    await expect
      .poll(() => page.locator('code').textContent(), patience)
      .toContain(`--crop ${left},${top},80,80`)
  })

  it('saves the crop as it is in the picture', async () => {
    const page = opened()
    const [, own] = await cropsOn(page)
    const [x, y, width, height] = own as [number, number, number, number]
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Save the crop' }).click()
    const saved = await decodeImage(await (await download).path())
    expect(saved).toEqual(cropImage(picture.image, { x, y, width, height }))
  })

  it('answers another question on the same picture, and goes back to the first', async () => {
    const page = opened()
    await page.getByRole('textbox', { name: 'Ask about the picture' }).fill(other)
    await page.keyboard.press('Enter')
    const expected = await picture.ask(other)
    await expect.poll(() => answersOn(page), patience).toEqual([expected.plainAnswer, expected.answer])
    const asked = page.getByRole('list', { name: 'Questions about this picture' })
    await asked.getByRole('button', { name: question }).click()
    const first = await picture.ask(question)
    expect((await answersOn(page)).slice(0, 2)).toEqual([first.plainAnswer, first.answer])
  })

  it.each(['grad-att', 'pure-grad'] as const)('looks with %s as Node does', async method => {
    const page = opened()
    await page.getByRole('radio', { name: method }).check({ force: true })
    const { crop, answer, plainAnswer } = await picture.ask(question, { method })
    await expect.poll(() => cropsOn(page), patience).toEqual([Object.values(crop!)])
    expect(await answersOn(page)).toEqual([plainAnswer, answer])
  })
})
