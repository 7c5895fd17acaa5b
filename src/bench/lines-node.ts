import { type FileHandle, open } from 'node:fs/promises'
import { readAt, unreadable } from '../weights/file-node.ts'
import { absent } from './files-node.ts'

// Files of JSON Lines, which may grow while they are read, and whose last line may have been cut off by a kill.

const lineBreak = 0x0a

/** Bytes read at once. */
const blockSize = 1 << 16

/** Bytes. Of a row, map and question have a tenth of it at most. */
const longestLine = 1 << 24

/**
 * What a file's whole lines hold, in order; nothing if there is no such file. What follows the last line break was cut off,
 * or is being written just now, and is left out.
 *
 * @param parse throws an error for a line that is none of them
 * @throws an error of one sentence that names file and line
 */
export async function* readLines<T>(path: string, parse: (line: string) => T): AsyncGenerator<T> {
  const handle = await open(path).catch(error => {
    if (absent(error) === null) return null
    throw unreadable(path, error)
  })
  if (handle === null) return
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let number = 1
  try {
    for await (const bytes of wholeLines(handle)) {
      yield parse(decoder.decode(bytes))
      number++
    }
  } catch (error) {
    const what = `is broken (${(error as Error).message})`
    throw new Error(
      `${path}: line ${number} ${what}. Nothing was changed. Take the line out and run again: its question is asked anew.`,
    )
  } finally {
    await handle.close()
  }
}

async function* wholeLines(handle: FileHandle): AsyncGenerator<Uint8Array> {
  const end = await endOfLines(handle)
  let begun: Uint8Array[] = []
  for (let at = 0; at < end; at += blockSize) {
    const block = Buffer.from(await readAt(handle, new Uint8Array(Math.min(blockSize, end - at)), at))
    let start = 0
    for (let to = block.indexOf(lineBreak); to !== -1; to = block.indexOf(lineBreak, start)) {
      yield Buffer.concat([...begun, block.subarray(start, to)])
      begun = []
      start = to + 1
    }
    begun.push(block.subarray(start))
    if (begun.length * blockSize > longestLine) throw new Error(`it has more than ${longestLine} bytes`)
  }
}

/** Where the last whole line of a file ends. */
export async function endOfLines(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat()
  for (let end = size; end > 0; end -= blockSize) {
    const start = Math.max(0, end - blockSize)
    const block = Buffer.from(await readAt(handle, new Uint8Array(end - start), start))
    const at = block.lastIndexOf(lineBreak)
    if (at !== -1) return start + at + 1
  }
  return 0
}
