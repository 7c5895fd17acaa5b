import { readFileSync } from 'node:fs'
import sharp from 'sharp'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import { fixtureBytes, fixtureJson, fixturePath, numbered } from '../image/fixtures.ts'
import { usePage, withoutBrowser } from './browser.ts'
import type { UnderTest } from './page/page.ts'

declare const vicrop: UnderTest

interface Case {
  readonly file: string
  readonly width: number
  readonly height: number
  readonly rgb: string
}

const cases = (fixtureJson('decode.json') as Case[]).filter(({ file }) => !file.endsWith('.tiff'))

describe.skipIf(withoutBrowser !== null)('a browser', () => {
  const opened = usePage()
  afterEach(() => expect(opened().errors.splice(0)).toEqual([]))

  interface Decoded {
    readonly width: number
    readonly height: number
    readonly data: Uint8Array
  }

  /** The pixels of a file, by way of a page. */
  const decoded = async (bytes: Uint8Array): Promise<Decoded> => {
    const { width, height, base64 } = await opened().page.evaluate(async base64 => {
      const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0))
      const { data, ...size } = await vicrop.decodeImage(bytes)
      const text = Array.from(data, byte => String.fromCharCode(byte)).join('')
      return { ...size, base64: btoa(text) }
    }, Buffer.from(bytes).toString('base64'))
    return { width, height, data: fixtureBytes(base64) }
  }

  const errorOf = (bytes: Uint8Array): Promise<string> =>
    decoded(bytes).then(
      () => 'no error',
      (error: Error) => error.message.replace(/^page\.evaluate: Error: /, '').split('\n', 1)[0] as string,
    )

  it.each(cases)('decodes $file to the pixels of Pillow', async ({ file, width, height, rgb }) => {
    const image = await decoded(readFileSync(fixturePath(`decode/${file}`)))
    expect(image).toEqual({ width, height, data: fixtureBytes(rgb) })
  })

  it.each([
    [2100, 20],
    [20, 2100],
  ])('decodes %d x %d, more than it reads at once, to the pixels of Node', async (width, height) => {
    const { data } = numbered(width, height)
    const opacity = Buffer.from(data.subarray(0, width * height))
    const picture = sharp(data, { raw: { width, height, channels: 3 } })
    const png = await picture
      .joinChannel(opacity, { raw: { width, height, channels: 1 } })
      .png()
      .toBuffer()
    expect(await decoded(png)).toEqual(await decodeImage(png))
  })

  it('applies no colour profile', async () => {
    const red = { create: { width: 2, height: 2, channels: 3, background: '#ff0000' } } as const
    const displayP3 = await sharp(red).withIccProfile('p3').png().toBuffer()
    expect(await decoded(displayP3)).toEqual(await decodeImage(displayP3))
  })

  it('refuses what is no picture in one sentence', async () => {
    const remedy = 'not a picture that can be read, or cut off; use JPEG, PNG, WebP, GIF or AVIF'
    expect(await errorOf(new Uint8Array())).toBe(
      'image: empty file, a JPEG, PNG, WebP, GIF or AVIF picture was expected',
    )
    expect(await errorOf(new Uint8Array(100))).toBe(`image: ${remedy}`)
    expect(await errorOf(readFileSync(fixturePath('decode/lzw.tiff')))).toBe(`image: ${remedy}`)
    const huge = { create: { width: 70_000, height: 1, channels: 3, background: '#000' } } as const
    expect(await errorOf(await sharp(huge).png().toBuffer())).toBe(
      'image: 70000x1 pixels, at most 178956970 in all and 65535 a side are decoded: scale it down or cut it',
    )
  })

  it('reads a file that was picked, and an address', async () => {
    const { page } = opened()
    const sizes = await page.evaluate(async () => {
      const response = await fetch('/test/fixtures/image/decode/rgb.png')
      const file = new File([await response.blob()], 'rgb.png')
      const images = [
        await vicrop.decodeImage(file),
        await vicrop.decodeImage('/test/fixtures/image/decode/rgb.png'),
        await vicrop.decodeImage(new URL('/test/fixtures/image/decode/rgb.png', location.href)),
      ]
      return images.map(({ width, height }) => [width, height])
    })
    expect(sizes).toEqual([
      [24, 16],
      [24, 16],
      [24, 16],
    ])
  })
})

describe.skipIf(withoutBrowser !== null)('a picture that cannot be had', () => {
  const opened = usePage()

  it('says where it was looked for', async () => {
    const message = await opened().page.evaluate(() =>
      vicrop.decodeImage('/no/such.jpg').then(String, (error: Error) => error.message),
    )
    expect(message).toBe('/no/such.jpg: the server answers 404, check the address')
  })
})
