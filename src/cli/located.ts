import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import type { Box } from '../image/image.ts'
import { unreadable } from '../weights/file-node.ts'

/** A question about a picture, with the place where its answer is. */
export interface Located {
  /** An absolute path. */
  readonly picture: string
  readonly question: string
  /** In source pixels. */
  readonly box: Box
}

const pixels = z.number().min(0).max(1e6)
const extent = pixels.positive()
const box = z.object({ x: pixels, y: pixels, width: extent, height: extent })
const entry = z.object({ picture: z.string().min(1), question: z.string().min(1), box: box.nullish() })

/**
 * Reads a file of questions, JSON or JSON Lines, such as the demo model's benchmark. Those without a box are left out.
 *
 * @throws an error that names the file and the entry
 */
export async function readLocated(path: string): Promise<Located[]> {
  const text = await readFile(path, 'utf8').catch(error => {
    throw unreadable(path, error)
  })
  const all = parse(text, path).map((value, nth) => {
    const read = entry.safeParse(value)
    if (read.success) return read.data
    const issue = read.error.issues[0]
    const where = issue?.path.length ? `"${issue.path.join('.')}"` : 'it'
    throw new Error(`${path}: entry ${nth + 1}: ${where} is not as expected: ${issue?.message}`)
  })
  const located = all.flatMap(({ picture, question, box }) =>
    box ? [{ picture: resolve(dirname(path), picture), question, box }] : [],
  )
  if (located.length === 0)
    throw new Error(`${path}: no question has a box. Give {"picture", "question", "box"} for each.`)
  return located
}

function parse(text: string, path: string): unknown[] {
  try {
    if (text.trimStart().startsWith('[')) return JSON.parse(text)
    return text
      .split('\n')
      .filter(line => line.trim() !== '')
      .map(line => JSON.parse(line))
  } catch (error) {
    throw new Error(`${path}: is neither a JSON array nor JSON Lines: ${(error as Error).message}`)
  }
}
