import type { FileHandle } from 'node:fs/promises'
import { writeAll } from './cache-node.ts'
import { type Part, readAt, withFile } from './file-node.ts'
import { type StoredTensor, safetensorsHeader } from './safetensors.ts'

/** A multiple of the size of every type of number. */
const ALIGNMENT = 64

/** What is mapped into memory by itself begins here. */
export const PAGE_BYTES = 4096

/** Bytes that the JSON of an entry takes beside the tensor's name, at most. */
const ENTRY_BYTES = 160

/** Bytes per step of a copy. */
const COPY_BYTES = 4 * 1024 * 1024

type Entry = Pick<StoredTensor, 'name' | 'dtype' | 'shape' | 'length'>

/**
 * A safetensors file that is written tensor by tensor, in any order and size by size as they come to be known; the header
 * comes last. Tensors begin at multiples of 64 bytes; what is between them are tensors "pad.0", "pad.1", ... of zeros.
 */
export class TensorFile {
  readonly #handle: FileHandle
  readonly #headerBytes: number
  readonly #entries: Entry[] = []
  #end: number

  /** @param names of all tensors that will be placed, or others as long */
  constructor(handle: FileHandle, names: readonly string[]) {
    this.#handle = handle
    const bytes = names.reduce(
      (sum, name) => sum + 2 * (JSON.stringify(name).length + ENTRY_BYTES),
      ENTRY_BYTES,
    )
    this.#headerBytes = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES
    this.#end = this.#headerBytes
  }

  /** The file's size so far. */
  get bytes(): number {
    return this.#end
  }

  /** Makes room for a tensor behind those before it; returns where it begins. */
  place(entry: Entry, alignment: number = ALIGNMENT): number {
    const missing = -this.#end & (alignment - 1)
    if (missing > 0) {
      this.#entries.push({
        name: `pad.${this.#entries.length}`,
        dtype: 'U8',
        shape: [missing],
        length: missing,
      })
    }
    this.#entries.push(entry)
    const offset = this.#end + missing
    this.#end = offset + entry.length
    return offset
  }

  /** Writes a part of a tensor. */
  write(bytes: Uint8Array, offset: number): Promise<void> {
    return writeAll(this.#handle, bytes, offset)
  }

  /** Adds bytes of another file as a tensor. */
  async copy(name: string, { file, offset, length }: Part, alignment: number): Promise<void> {
    const start = this.place({ name, dtype: 'U8', shape: [length], length }, alignment)
    await withFile(file, file, async source => {
      const room = new Uint8Array(Math.min(length, COPY_BYTES))
      for (let done = 0; done < length; done += room.length) {
        const part = await readAt(
          source,
          room.subarray(0, Math.min(room.length, length - done)),
          offset + done,
        )
        await this.write(part, start + done)
      }
    })
  }

  /** Writes the header. What was placed and not written holds zeros. */
  async finish(): Promise<void> {
    await this.#handle.truncate(this.#end)
    await this.write(safetensorsHeader(this.#entries, this.#headerBytes), 0)
  }
}
