import { createHash } from 'node:crypto'
import { type FileHandle, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { defaultCacheFolder, writeAll, writeComplete } from './cache-node.ts'
import { type Weights, weightsOf } from './checkpoint.ts'
import { quote, WeightsError } from './error.ts'
import { fileSource, readAt, unreadable, withFile } from './file-node.ts'
import { widenBfloat16, widenFloat16 } from './half.ts'
import { readSafetensors, type StoredDType, type StoredTensor, safetensorsHeader } from './safetensors.ts'

/** Bytes of the published file per step. From 1 MB to 16 MB the time is that of the system's writing. */
const CHUNK_BYTES = 4 * 1024 * 1024

/** Part of every key, so that a change of what is written does not meet files written before. */
const FORMAT = 'float32 safetensors 1'

export interface Conversion {
  /** The float32 file, in the cache. */
  readonly path: string
  /** Its size. */
  readonly bytes: number
  /** The types that were converted. */
  readonly from: readonly StoredDType[]
  /** Whether it was there already. */
  readonly cached: boolean
}

/** Weights of which every tensor is float32, and what had to be done for it. */
export interface FloatWeights extends Weights {
  /** null when the published files are float32 and are used as they are. */
  readonly converted: Conversion | null
}

export interface ConversionOptions {
  /** Default: `VICROP_CACHE`, or `vicrop` in the user's cache folder. */
  readonly cacheFolder?: string
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void
  readonly signal?: AbortSignal
}

/**
 * Weights that an engine without 16-bit kernels can read. A checkpoint in float32 passes through. Any other is
 * converted once, F16 and BF16 to F32 without loss, into a safetensors file in the cache, which holds all its float
 * tensors and is mapped into memory like a published one. Tensors of other types are left out of it.
 *
 * The file belongs to the published files' path, size, time and header; when one of them changes, or the cached file is
 * damaged, it is written anew. Memory: a few chunks, whatever the checkpoint's size.
 *
 * @throws WeightsError when the cache cannot be written; the signal's reason when aborted. Nothing half written stays.
 */
export async function floatWeights(weights: Weights, options: ConversionOptions = {}): Promise<FloatWeights> {
  const floats = [...weights.tensors.values()].filter(tensor => isConvertible(tensor.dtype))
  const from = [...new Set(floats.map(tensor => tensor.dtype))].filter(dtype => dtype !== 'F32')
  if (from.length === 0) return { ...weights, converted: null }

  const plan = planOf(floats)
  const key = await keyOf(weights.root, plan.tensors)
  const path = join(options.cacheFolder ?? defaultCacheFolder(), 'float32', `${key}.safetensors`)
  const cached = await isComplete(path, plan)
  if (!cached) await write(path, plan, weights, key, options)
  const converted = { path, bytes: plan.bytes, from, cached }
  return { ...(await openConverted(path, weights)), converted }
}

type ConvertibleDType = 'F32' | 'F16' | 'BF16'

/** float32 from a chunk of each type, both little-endian. */
const wideners: Readonly<Record<ConvertibleDType, (chunk: Uint8Array, target: Int32Array) => Uint8Array>> = {
  F32: chunk => chunk,
  F16: (chunk, target) => widen(chunk, target, widenFloat16),
  BF16: (chunk, target) => widen(chunk, target, widenBfloat16),
}

function widen(
  chunk: Uint8Array,
  target: Int32Array,
  apply: (source: Uint16Array, target: Int32Array) => void,
): Uint8Array {
  apply(new Uint16Array(chunk.buffer, chunk.byteOffset, chunk.length / 2), target)
  return new Uint8Array(target.buffer, 0, chunk.length * 2)
}

const isConvertible = (dtype: StoredDType): dtype is ConvertibleDType => Object.hasOwn(wideners, dtype)

interface Plan {
  /** The new file's first bytes. */
  readonly header: Uint8Array
  /** In the order in which they are read and written: by file and offset. */
  readonly tensors: readonly StoredTensor[]
  /** The new file's size. */
  readonly bytes: number
}

function planOf(floats: readonly StoredTensor[]): Plan {
  const tensors = floats.toSorted((a, b) =>
    a.file === b.file ? a.offset - b.offset : a.file < b.file ? -1 : 1,
  )
  const widened = tensors.map(({ name, dtype, shape, length }) => ({
    name,
    dtype: 'F32' as const,
    shape,
    length: dtype === 'F32' ? length : length * 2,
  }))
  const header = safetensorsHeader(widened)
  return { header, tensors, bytes: widened.reduce((total, tensor) => total + tensor.length, header.length) }
}

/** Identifies what is converted: the published files as the system knows them, and their tables of tensors. */
async function keyOf(root: string, tensors: readonly StoredTensor[]): Promise<string> {
  const hash = createHash('sha256').update(FORMAT)
  for (const file of new Set(tensors.map(tensor => tensor.file))) hash.update(await identityOf(root, file))
  for (const { name, dtype, shape, file, offset, length } of tensors) {
    hash.update(JSON.stringify([name, dtype, shape, file, offset, length]))
  }
  return hash.digest('hex').slice(0, 32)
}

async function identityOf(root: string, file: string): Promise<string> {
  try {
    const path = await realpath(join(root, file))
    const { size, mtimeNs } = await stat(path, { bigint: true })
    return JSON.stringify([path, String(size), String(mtimeNs)])
  } catch (error) {
    throw unreadable(file, error)
  }
}

/** Whether the file in the cache is the one the plan would write, by its size and all of its header. */
async function isComplete(path: string, plan: Plan): Promise<boolean> {
  const found = await stat(path).catch(() => null)
  if (!found?.isFile() || found.size !== plan.bytes) return false
  return withFile(path, path, async handle => {
    const header = await readAt(handle, new Uint8Array(plan.header.length), 0)
    return Buffer.compare(header, plan.header) === 0
  })
}

async function write(
  path: string,
  plan: Plan,
  weights: Weights,
  key: string,
  options: ConversionOptions,
): Promise<void> {
  await writeComplete(path, plan.bytes, async target => {
    await writeAll(target, plan.header)
    let doneBytes = plan.header.length
    const advance = (bytes: number): void => {
      doneBytes += bytes
      options.onProgress?.({ doneBytes, totalBytes: plan.bytes })
    }
    for (const file of new Set(plan.tensors.map(tensor => tensor.file))) {
      const tensors = plan.tensors.filter(tensor => tensor.file === file)
      await withFile(join(weights.root, file), file, source =>
        widenAll(tensors, source, target, advance, options.signal),
      )
    }
    if ((await keyOf(weights.root, plan.tensors)) !== key) {
      throw new WeightsError(
        `${weights.source}: was changed while it was read; run again when it is complete.`,
      )
    }
  })
}

/** Appends tensors of one file to the target, chunk by chunk. */
async function widenAll(
  tensors: readonly StoredTensor[],
  source: FileHandle,
  target: FileHandle,
  advance: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  const buffer = new Uint8Array(CHUNK_BYTES)
  const widened = new Int32Array(CHUNK_BYTES / 2)
  for (const { name, dtype, file, offset, length } of tensors) {
    for (let done = 0; done < length; done += CHUNK_BYTES) {
      signal?.throwIfAborted()
      const wanted = buffer.subarray(0, Math.min(CHUNK_BYTES, length - done))
      const chunk = await readAt(source, wanted, offset + done).catch(error => {
        throw unreadable(file, error)
      })
      if (chunk.length < wanted.length) {
        throw new WeightsError(
          `${file}: ends inside tensor ${quote(name)} while being read; download it again.`,
        )
      }
      const bytes = wideners[dtype as ConvertibleDType](chunk, widened)
      await writeAll(target, bytes)
      advance(bytes.length)
    }
  }
}

/** The converted file through the same parser as a published one; messages go on naming the published one. */
async function openConverted(path: string, published: Weights): Promise<Weights> {
  const stored = await withFile(path, path, async handle =>
    readSafetensors(await fileSource(handle, basename(path))),
  )
  const root = await realpath(dirname(path))
  const converted = weightsOf(published.source, root, new Map(stored.map(tensor => [tensor.name, tensor])))
  const tensor = (name: string): StoredTensor => {
    const dtype = published.tensors.get(name)?.dtype
    if (dtype === undefined || isConvertible(dtype)) return converted.tensor(name)
    const problem = `tensor ${quote(name)} is ${dtype}, and only F32, F16 and BF16 are read as float32`
    throw new WeightsError(`${published.source}: ${problem}; save the checkpoint in one of them.`)
  }
  return { ...converted, tensor }
}
