import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { decodeImage } from '../../src/image/decode-node.ts'
import type { Image } from '../../src/image/image.ts'

// Written by reference/image_fixtures.py with Pillow and transformers.

export const fixturePath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/image/${name}`, import.meta.url))

export const fixtureJson = (name: string) => JSON.parse(readFileSync(fixturePath(name), 'utf8'))

export const fixtureBytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'))

export const picture = (name: string): Promise<Image> => decodeImage(fixturePath(`pictures/${name}.png`))

/** A picture in which every pixel has another colour: red counts columns, green rows, blue every 256th of both. */
export function numbered(width: number, height: number): Image {
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++)
      data.set([x % 256, y % 256, (x >> 8) * 16 + (y >> 8)], (y * width + x) * 3)
  }
  return { width, height, data }
}
