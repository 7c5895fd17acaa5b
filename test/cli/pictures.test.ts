import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { expect, it, test } from 'vitest'
import { modelPath, picturePath } from '../models/fixtures.ts'
import { folderOfFile, vicrop } from './vicrop.ts'

const asked = ['What is the colour of the small sign?', '--model', modelPath('base'), '--max-new-tokens', '4']

async function answer(file: string): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await vicrop(['ask', file, ...asked, '--json'])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout)
}

const folder = folderOfFile()
const size = { width: 163, height: 122 }

test.concurrent.each<[what: string, file: string, write: (picture: Sharp) => Sharp, image: object]>([
  ['a JPEG', 'a.jpg', picture => picture.jpeg(), size],
  ['a WebP', 'a.webp', picture => picture.webp(), size],
  [
    'a JPEG that EXIF turns by 90 degrees',
    'turned.jpg',
    picture => picture.jpeg().withMetadata({ orientation: 6 }),
    { width: 122, height: 163 },
  ],
  ['a PNG with alpha', 'alpha.png', picture => picture.ensureAlpha(0.5), size],
  ['a grey PNG', 'grey.png', picture => picture.toColourspace('b-w'), size],
  [
    'a PNG of 16 bits, its name without an ending',
    '16',
    picture => picture.toColourspace('rgb16').png(),
    size,
  ],
])('%s is answered', async (_, name, write, image) => {
  const file = join(folder, name)
  await write(sharp(picturePath('wide'))).toFile(file)
  const { answer: text, plainAnswer, image: seen } = await answer(file)
  expect(seen).toEqual(image)
  expect([typeof text, typeof plainAnswer]).toEqual(['string', 'string'])
})

it.concurrent('a picture of one pixel is answered, and there is nothing to crop', async () => {
  const file = join(folder, 'one.png')
  await sharp({ create: { width: 1, height: 1, channels: 3, background: 'teal' } }).toFile(file)
  expect(await answer(file)).toMatchObject({ crop: null, cropReason: 'nothing to crop' })
})
