import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import sharp from 'sharp'

// Small benchmarks in the very form in which each is published: the fields that nobody here reads are there too.

/** A benchmark in both its forms. */
export interface Sample {
  readonly asPublished: (data: string) => void
  /** Into two shards where it has enough rows. */
  readonly asParquet: (data: string) => void
}

export const jpeg: Buffer = await sharp({
  create: { width: 8, height: 6, channels: 3, background: '#c33' },
})
  .jpeg()
  .toBuffer()

export const greyJpeg: Buffer = await sharp({
  create: { width: 8, height: 6, channels: 3, background: '#888' },
})
  .toColourspace('b-w')
  .jpeg()
  .toBuffer()

export const cmykJpeg: Buffer = await sharp({
  create: { width: 8, height: 6, channels: 3, background: '#3c3' },
})
  .toColourspace('cmyk')
  .jpeg()
  .toBuffer()

export function write(folder: string, name: string, content: string | Uint8Array): void {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

export const writeJson = (folder: string, name: string, value: unknown): void =>
  write(folder, name, JSON.stringify(value))

export const writeLines = (folder: string, name: string, values: readonly unknown[]): void =>
  write(folder, name, `${values.map(value => JSON.stringify(value)).join('\n')}\n`)

/** A picture as a row of Parquet has it. */
export const embedded = (bytes: Uint8Array | null, path: string | null = null) => ({ bytes, path })

export const ten = (...answers: string[]): string[] =>
  Array.from({ length: 10 }, (_, i) => answers[i % answers.length]!)
