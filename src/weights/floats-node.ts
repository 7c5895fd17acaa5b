import { createHash } from 'node:crypto'
import { type FileHandle, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { quote, WeightsError } from './error.ts'
import { readAt, unreadable, withFile } from './file-node.ts'
import { asFloats, bytesOf, type FloatTensor } from './floats.ts'
import type { StoredTensor } from './safetensors.ts'

// A checkpoint's float tensors, read from its files chunk by chunk as float32.

/** Bytes of the published file per step. From 1 MB to 16 MB the time is that of the system's writing. */
const CHUNK_BYTES = 4 * 1024 * 1024

/**
 * Identifies what is read: the published files as the system knows them, and their tables of tensors.
 *
 * @param settings what else tells one use of them from another
 */
export async function keyOf(
  root: string,
  tensors: readonly StoredTensor[],
  settings: readonly string[],
): Promise<string> {
  const hash = createHash('sha256')
  for (const setting of settings) hash.update(setting)
  for (const file of new Set(tensors.map(tensor => tensor.file))) hash.update(await identityOf(root, file))
  for (const { name, dtype, shape, file, offset, length } of tensors) {
    hash.update(JSON.stringify([name, dtype, shape, file, offset, length]))
  }
  return hash.digest('hex').slice(0, 32)
}

/** A file as the system knows it: path, size and time. */
export async function identityOf(root: string, file: string): Promise<string> {
  try {
    const path = await realpath(join(root, file))
    const { size, mtimeNs } = await stat(path, { bigint: true })
    return JSON.stringify([path, String(size), String(mtimeNs)])
  } catch (error) {
    throw unreadable(file, error)
  }
}

/** Some numbers of a tensor that follow each other. Good until the next ones are read. */
export interface Chunk {
  readonly tensor: FloatTensor
  /** Numbers before it. */
  readonly start: number
  readonly floats: Float32Array
  /** The same as they are stored. */
  readonly stored: Uint8Array
}

/**
 * Reads tensors in the order given, chunk by chunk, and has `use` work on each chunk.
 *
 * @param wholeRows of which tensors chunks shall end where rows do; such a chunk has one row at least
 */
export async function eachChunk(
  root: string,
  tensors: readonly FloatTensor[],
  use: (chunk: Chunk) => Promise<void>,
  options: {
    readonly wholeRows?: (tensor: FloatTensor) => boolean
    readonly signal?: AbortSignal | undefined
  },
): Promise<void> {
  const { wholeRows = () => false, signal } = options
  const stepOf = (tensor: FloatTensor): number => (wholeRows(tensor) ? rowsStep(tensor) : CHUNK_BYTES)
  const room = new Uint8Array(Math.max(0, ...tensors.map(stepOf)))
  const widened = new Int32Array(room.length / 2)
  for (const file of new Set(tensors.map(tensor => tensor.file))) {
    await withFile(join(root, file), file, async handle => {
      for (const tensor of tensors.filter(one => one.file === file)) {
        const step = stepOf(tensor)
        for (let done = 0; done < tensor.length; done += step) {
          signal?.throwIfAborted()
          const part = room.subarray(0, Math.min(step, tensor.length - done))
          const stored = await readPart(handle, tensor, done, part)
          const floats = asFloats(stored, tensor.dtype, widened)
          await use({ tensor, start: done / bytesOf[tensor.dtype], floats, stored })
        }
      }
    })
  }
}

function rowsStep({ dtype, shape }: FloatTensor): number {
  const row = bytesOf[dtype] * (shape.at(-1) as number)
  return row * Math.max(1, Math.floor(CHUNK_BYTES / row))
}

async function readPart(
  handle: FileHandle,
  { name, file, offset }: FloatTensor,
  from: number,
  room: Uint8Array,
): Promise<Uint8Array> {
  const part = await readAt(handle, room, offset + from).catch(error => {
    throw unreadable(file, error)
  })
  if (part.length === room.length) return part
  throw new WeightsError(`${file}: ends inside tensor ${quote(name)} while being read; download it again.`)
}

/** A checkpoint that changes under the reader's hands is not what its key says. */
export const changedMeanwhile = (source: string): WeightsError =>
  new WeightsError(`${source}: was changed while it was read; run again when it is complete.`)
