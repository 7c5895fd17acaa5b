import { describe, expect, it } from 'vitest'
import { useSite, withoutBrowser } from '../browser/browser.ts'
import { answersOn, chooseExample, cropsOn, heatOn, patience, usePage } from './open-page.ts'
import { difference, stepOfGlow } from './pictures.ts'
import { staticSite } from './sites.ts'

const question = 'What is the date on the form?'
const places = { name: 'Runs' }

describe.skipIf(withoutBrowser !== null)('the page where there is a graphics adapter', patience, () => {
  const opened = usePage(staticSite, { adapter: 'software' })

  it('answers on WebAssembly until WebGPU is chosen, and the same then', async () => {
    const page = opened()
    const asked: string[] = []
    page.on('request', request => asked.push(request.url()))
    const isThere = (file: RegExp): boolean => asked.some(url => file.test(url))
    await chooseExample(page, question)
    const onCpu = { answers: await answersOn(page), crops: await cropsOn(page), heat: await heatOn(page) }
    expect(isThere(/webgpu|asyncify/)).toBe(false)
    await page.getByRole('combobox', places).selectOption('in this browser, WebGPU')
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    expect(await answersOn(page)).toEqual(onCpu.answers)
    expect(isThere(/asyncify.*\.wasm$/)).toBe(true)
    expect(await cropsOn(page)).toEqual(onCpu.crops)
    expect(difference(await heatOn(page), onCpu.heat)).toBeLessThanOrEqual(stepOfGlow)
  })
})

describe.skipIf(withoutBrowser !== null)('the page where WebGPU does not start', patience, () => {
  const opened = useSite(staticSite, { adapter: 'software' })

  it('says so, and answers on WebAssembly', async () => {
    const { page, site } = opened()
    site.intercept = ({ url }, response) => {
      const isMissing = url?.includes('asyncify') === true
      if (isMissing) response.writeHead(404).end()
      return isMissing
    }
    await page.getByRole('combobox', places).selectOption('in this browser, WebGPU')
    await chooseExample(page, question)
    await expect
      .poll(() => page.getByRole('alert').textContent(), patience)
      .toMatch(/^WebGPU does not start, and WebAssembly answers instead: device webgpu: /)
    expect(await answersOn(page)).toEqual(['74', '44'])
    expect(await page.getByRole('combobox', places).inputValue()).toBe('cpu')
  })
})
