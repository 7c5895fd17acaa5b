import { type FileHandle, open } from 'node:fs/promises'
import { tryLock } from 'fs-native-extensions'
import pLimit from 'p-limit'
import { systemCode } from '../weights/file-node.ts'
import { endOfLines } from './lines-node.ts'

/**
 * Milliseconds. What was written outlives a killed process as it is; only a machine that goes down takes what is not on disk
 * yet, so rows of so long at most. Waiting for the disk at each row would cost more than some rows take.
 */
const syncEvery = 5000

/** The only writer of a file of JSON Lines. */
export class Appender {
  readonly #path: string
  readonly #file: FileHandle
  readonly #lock: FileHandle
  readonly #inTurn = pLimit(1)
  /** Where the last whole line ends. */
  #end: number
  /** Whether there may be a part of a line behind that. */
  #isTorn = true
  #syncedAt = performance.now()

  private constructor(path: string, file: FileHandle, lock: FileHandle, end: number) {
    this.#path = path
    this.#file = file
    this.#lock = lock
    this.#end = end
  }

  /**
   * Opens a file, or makes it; nothing of it is changed before something is appended. The lock is the system's, on a file
   * beside it that stays there, and goes with the process however that ends.
   *
   * @throws an error of one sentence if somebody else has it open, or if it cannot be written
   */
  static async open(path: string): Promise<Appender> {
    const lock = await openLocked(path)
    try {
      const file = await open(path, 'a+')
      return new Appender(path, file, lock, await endOfLines(file))
    } catch (error) {
      await lock.close()
      throw unwritable(path, error)
    }
  }

  /**
   * Appends a line for each value, in a single write.
   *
   * @throws an error of one sentence; the file is as it was before
   */
  append(values: readonly object[]): Promise<void> {
    const bytes = Buffer.from(values.map(value => `${JSON.stringify(value)}\n`).join(''))
    return this.#inTurn(() => this.#write(bytes))
  }

  async #write(bytes: Uint8Array): Promise<void> {
    try {
      await this.#cut()
      this.#isTorn = true
      for (let written = 0; written < bytes.length; )
        written += (await this.#file.write(bytes, written)).bytesWritten
      this.#end += bytes.length
      this.#isTorn = false
      if (performance.now() - this.#syncedAt > syncEvery) await this.#sync()
    } catch (error) {
      // Where even this fails, who opens the file next does it.
      await this.#cut().catch(() => {})
      throw unwritable(this.#path, error)
    }
  }

  /** Takes away what is left of a line that was cut off. */
  async #cut(): Promise<void> {
    if (this.#isTorn) await this.#file.truncate(this.#end)
    this.#isTorn = false
  }

  async #sync(): Promise<void> {
    await this.#file.datasync()
    this.#syncedAt = performance.now()
  }

  async close(): Promise<void> {
    try {
      await this.#inTurn(() => this.#sync())
    } catch (error) {
      throw unwritable(this.#path, error)
    } finally {
      await this.#file.close()
      await this.#lock.close()
    }
  }
}

async function openLocked(path: string): Promise<FileHandle> {
  const lock = await open(`${path}.lock`, 'a').catch(error => {
    throw unwritable(path, error)
  })
  try {
    if (tryLock(lock.fd)) return lock
  } catch (error) {
    await lock.close()
    throw new Error(
      `${path}: cannot be locked (${systemCode(error)}), so two runs could not be told apart; name a folder on another file system by --out.`,
    )
  }
  await lock.close()
  throw new Error(
    `${path}: another run is writing to it. Let it end, or name another folder by --out, or another part by --shard.`,
  )
}

/** What the system said of a file that it would not write, as a message. */
export function unwritable(path: string, error: unknown): Error {
  const code = systemCode(error)
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  const problem = isFull
    ? `no space left (${code}); what was written is kept: free some, and run again`
    : `cannot be written (${code}); allow it`
  return new Error(`${path}: ${problem}, or name another folder by --out.`)
}
