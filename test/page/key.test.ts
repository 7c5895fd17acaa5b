import type { Request } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { useSite, withoutBrowser } from '../browser/browser.ts'
import { answersOn, chooseExample, cropsOn, patience } from './open-page.ts'
import { apiKey, keyedSite } from './sites.ts'

const question = 'What is the date on the form?'

describe.skipIf(withoutBrowser !== null)('the page of a server with API keys', patience, () => {
  const opened = useSite(keyedSite)

  const give = async (key: string): Promise<void> => {
    const { page } = opened()
    await page.getByLabel('API key').fill(key)
    await page.getByRole('button', { name: 'Use', exact: true }).click()
  }

  it('asks for one', async () => {
    await opened().page.getByText('needs a key').waitFor()
  })

  it('says that one is wrong, to whoever has asked meanwhile too', async () => {
    const { page, errors } = opened()
    await chooseExample(page, question)
    await page.getByText('waiting for the model').first().waitFor()
    await give('another')
    await expect
      .poll(() => page.getByRole('alert').textContent(), patience)
      .toBe('The model cannot be opened: the server does not know this API key; give another.')
    expect(errors.splice(0)).toEqual([expect.stringContaining('401')])
  })

  it('answers with the right one, sent in a header and written nowhere', async () => {
    const { page, site, context, errors, elsewhere } = opened()
    const requests: Request[] = []
    page.on('request', request => requests.push(request))
    await give(` ${apiKey} `)
    await page.getByText('sees your pictures').waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
    await chooseExample(page, question)
    expect(await answersOn(page)).toEqual(['74', '44'])
    expect(await cropsOn(page)).toEqual([[116, 98, 80, 80]])
    const sent = requests.filter(request => request.headers().authorization === `Bearer ${apiKey}`)
    const paths = new Set(sent.map(request => request.url()))
    expect([...paths]).toEqual(
      ['models', 'chat/completions', 'look'].map(path => `${site.origin}/v1/${path}`),
    )
    const kept = await page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }, location.href])
    const written = [
      await page.locator('code').textContent(),
      kept,
      await context.cookies(),
      requests.map(request => [request.url(), request.postData()]),
    ]
    expect(JSON.stringify(written)).not.toContain(apiKey)
    expect([errors, elsewhere]).toEqual([[], []])
  })

  it('asks again when it is loaded again', async () => {
    const { page } = opened()
    await page.reload()
    await page.getByText('needs a key').waitFor()
    expect(await page.getByLabel('API key').inputValue()).toBe('')
  })
})
