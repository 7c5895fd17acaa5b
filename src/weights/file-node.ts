import { type FileHandle, open } from 'node:fs/promises'
import { WeightsError } from './error.ts'
import type { ByteSource } from './safetensors.ts'

/** Where some bytes lie in a file. */
export interface Part {
  readonly file: string
  readonly offset: number
  readonly length: number
}

/** Opens a file for as long as `use` runs. `name` stands for it in messages. */
export async function withFile<T>(
  path: string,
  name: string,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const handle = await open(path).catch(error => {
    throw unreadable(name, error)
  })
  try {
    return await use(handle)
  } finally {
    await handle.close()
  }
}

/** Fills `target` from `offset` of a file; returns the part that was filled, shorter only where the file ends. */
export async function readAt(handle: FileHandle, target: Uint8Array, offset: number): Promise<Uint8Array> {
  let filled = 0
  while (filled < target.length) {
    const { bytesRead } = await handle.read(target, filled, target.length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return target.subarray(0, filled)
}

/** An open file as a source of bytes. `name` stands for it in messages and in the tensors read from it. */
export async function fileSource(handle: FileHandle, name: string): Promise<ByteSource> {
  const { size } = await handle.stat()
  return { file: name, size, read: (offset, length) => readAt(handle, new Uint8Array(length), offset) }
}

/** What the system said of a file it would not give, as a message. */
export const unreadable = (name: string, error: unknown): WeightsError =>
  new WeightsError(`${name}: cannot be read (${systemCode(error)}); check the file and its permissions.`)

/** The code of an error of the system, "ENOSPC", or its message. */
export const systemCode = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}
