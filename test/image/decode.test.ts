import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeImage, encodePng } from '../../src/image/decode-node.ts'
import { cropImage } from '../../src/image/image.ts'
import { fixtureBytes, fixtureJson, fixturePath, numbered, picture } from './fixtures.ts'

interface Case {
  readonly file: string
  readonly width: number
  readonly height: number
  readonly rgb: string
}

test.each<Case>(fixtureJson('decode.json'))(
  '$file decodes to the pixels of Pillow',
  async ({ file, width, height, rgb }) => {
    const image = await decodeImage(fixturePath(`decode/${file}`))
    expect(image).toMatchObject({ width, height })
    expect(image.data).toEqual(fixtureBytes(rgb))
  },
)

test('one pixel is a picture', async () => {
  expect(await picture('one-pixel')).toMatchObject({ width: 1, height: 1 })
})

test('a colour profile is not applied: the numbers in the file are the pixels', async () => {
  const red = { create: { width: 2, height: 2, channels: 3, background: '#ff0000' } } as const
  const displayP3 = await sharp(red).withIccProfile('p3').png().toBuffer()
  const { data } = await decodeImage(displayP3)
  expect(data[0]).toBeLessThan(240)
  expect(data[1]).toBeGreaterThan(40)
})

test('an encoded PNG decodes to the same pixels', async () => {
  const image = numbered(300, 20)
  expect(await decodeImage(await encodePng(image))).toEqual(image)
})

test('a crop has the pixels of its box, and a box outside is refused', () => {
  const image = numbered(10, 8)
  const crop = cropImage(image, { x: 3, y: 5, width: 2, height: 2 })
  expect([...crop.data]).toEqual([3, 5, 0, 4, 5, 0, 3, 6, 0, 4, 6, 0])
  expect(() => cropImage(image, { x: 9, y: 0, width: 2, height: 2 })).toThrowErrorMatchingInlineSnapshot(
    `[RangeError: crop 2x2 at 9,0 is not a box of whole pixels inside the 10x8 picture: clip and round it first]`,
  )
  expect(() => cropImage(image, { x: 0.5, y: 0, width: 2, height: 2 })).toThrow('whole pixels')
})

describe('a file that is no picture is refused in one sentence', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vicrop-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const errorOf = async (source: string | Uint8Array): Promise<string> => {
    const error = await decodeImage(source).catch((caught: Error) => caught)
    expect(error).toBeInstanceOf(Error)
    const { message } = error as Error
    expect(message).not.toContain('\n')
    return message.replaceAll(folder, '')
  }

  const file = async (name: string, content: string | Uint8Array): Promise<string> => {
    await writeFile(join(folder, name), content)
    return join(folder, name)
  }

  test('missing', async () => {
    expect(await errorOf(join(folder, 'missing.jpg'))).toMatchInlineSnapshot(
      `"/missing.jpg: no such file, check the path"`,
    )
  })
  test('a folder', async () => {
    expect(await errorOf(folder)).toMatchInlineSnapshot(`": is a folder, give a picture file"`)
  })
  test('empty', async () => {
    expect(await errorOf(await file('empty.jpg', ''))).toMatchInlineSnapshot(
      `"/empty.jpg: empty file, a JPEG, PNG, WebP, GIF, TIFF or AVIF picture was expected"`,
    )
  })
  test('text', async () => {
    expect(await errorOf(await file('notes.jpg', 'not a picture'))).toMatchInlineSnapshot(
      `"/notes.jpg: not a picture that can be read, use JPEG, PNG, WebP, GIF, TIFF or AVIF (Input buffer contains unsupported image format)"`,
    )
  })
  test('SVG', async () => {
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
    expect(await errorOf(await file('drawing.svg', svg))).toMatchInlineSnapshot(
      `"/drawing.svg: is SVG, use JPEG, PNG, WebP, GIF, TIFF or AVIF"`,
    )
  })
  test('bytes', async () => {
    expect(await errorOf(new Uint8Array(100))).toMatchInlineSnapshot(
      `"image: not a picture that can be read, use JPEG, PNG, WebP, GIF, TIFF or AVIF (Input buffer contains unsupported image format)"`,
    )
  })
  test.each(['444.jpg', '420-progressive.jpg', 'rgb.png', 'lossless.webp', 'lzw.tiff'])(
    '%s cut off',
    async name => {
      const bytes = await readFile(fixturePath(`decode/${name}`))
      expect(await errorOf(bytes.subarray(0, bytes.length * 0.7))).toMatch(/cut off|not a picture/)
    },
  )
  test('30,000 x 30,000 pixels, by the header alone', async () => {
    const before = process.memoryUsage().rss
    expect(await errorOf(await file('bomb.png', pngOfSize(30_000, 30_000)))).toMatchInlineSnapshot(
      `"/bomb.png: 30000x30000 pixels, at most 178956970 in all and 65535 a side are decoded: scale it down or cut it"`,
    )
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20)
  })
  test('too long a side', async () => {
    expect(await errorOf(pngOfSize(70_000, 1))).toMatchInlineSnapshot(
      `"image: 70000x1 pixels, at most 178956970 in all and 65535 a side are decoded: scale it down or cut it"`,
    )
  })
})

/** A PNG whose header announces a size that its data does not fill. */
function pngOfSize(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(1000))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, check])
}
