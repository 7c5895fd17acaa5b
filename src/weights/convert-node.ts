import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { defaultCacheFolder, writeAll, writeComplete } from './cache-node.ts'
import { type Weights, weightsOf } from './checkpoint.ts'
import { quote, WeightsError } from './error.ts'
import { fileSource, readAt, withFile } from './file-node.ts'
import { bytesOf, type FloatDType, type FloatTensor, floatTensors, isFloatDType } from './floats.ts'
import { type Chunk, changedMeanwhile, eachChunk, keyOf } from './floats-node.ts'
import { narrowFloat16 } from './half.ts'
import { readSafetensors, type StoredDType, safetensorsHeader } from './safetensors.ts'

export interface Conversion {
  /** The file written, in the cache. */
  readonly path: string
  /** Its size. */
  readonly bytes: number
  /** The types that were converted. */
  readonly from: readonly StoredDType[]
  /** Whether it was there already. */
  readonly cached: boolean
}

/** Weights of the types asked for, and what had to be done for it. */
export interface ConvertedWeights extends Weights {
  /** null when the published files are used as they are. */
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
export function floatWeights(weights: Weights, options: ConversionOptions = {}): Promise<ConvertedWeights> {
  return convert(weights, { name: 'float32', format: 'float32 safetensors 1', dtypeOf: () => 'F32' }, options)
}

/**
 * Weights whose matrices take 16 bits a number. Where a checkpoint has them so, F16 or BF16, it passes through; those in
 * F32 are rounded to F16, once, into a file in the cache as `floatWeights` writes it. What is no matrix stays as it is.
 *
 * @param matrices their names
 * @throws WeightsError also for a number that F16 does not reach
 */
export function halfWeights(
  weights: Weights,
  matrices: ReadonlySet<string>,
  options: ConversionOptions = {},
): Promise<ConvertedWeights> {
  const dtypeOf = ({ name, dtype }: FloatTensor): FloatDType =>
    dtype === 'F32' && matrices.has(name) ? 'F16' : dtype
  return convert(weights, { name: 'float16', format: 'float16 safetensors 1', dtypeOf }, options)
}

interface Purpose {
  /** The folder in the cache. */
  readonly name: string
  /** Part of every key, so that a change of what is written does not meet files written before. */
  readonly format: string
  readonly dtypeOf: (tensor: FloatTensor) => FloatDType
}

async function convert(
  weights: Weights,
  { name, format, dtypeOf }: Purpose,
  options: ConversionOptions,
): Promise<ConvertedWeights> {
  const floats = floatTensors(weights.tensors.values())
  const changed = floats.filter(tensor => dtypeOf(tensor) !== tensor.dtype)
  if (changed.length === 0) return { ...weights, converted: null }

  const from = [...new Set(changed.map(tensor => tensor.dtype))]
  const plan = planOf(floats, dtypeOf)
  const key = await keyOf(weights.root, plan.tensors, [format, ...plan.dtypes])
  const path = join(options.cacheFolder ?? defaultCacheFolder(), name, `${key}.safetensors`)
  const cached = await isComplete(path, plan)
  if (!cached) await write(path, plan, weights, [format, ...plan.dtypes], options)
  return { ...(await openConverted(path, weights)), converted: { path, bytes: plan.bytes, from, cached } }
}

interface Plan {
  /** The new file's first bytes. */
  readonly header: Uint8Array
  /** In the order in which they are read and written. */
  readonly tensors: readonly FloatTensor[]
  /** Their types in the new file. */
  readonly dtypes: readonly FloatDType[]
  /** The new file's size. */
  readonly bytes: number
}

function planOf(tensors: readonly FloatTensor[], dtypeOf: (tensor: FloatTensor) => FloatDType): Plan {
  const converted = tensors.map(tensor => {
    const dtype = dtypeOf(tensor)
    const length = (tensor.length / bytesOf[tensor.dtype]) * bytesOf[dtype]
    return { name: tensor.name, dtype, shape: tensor.shape, length }
  })
  const header = safetensorsHeader(converted)
  const bytes = converted.reduce((total, tensor) => total + tensor.length, header.length)
  return { header, tensors, dtypes: converted.map(({ dtype }) => dtype), bytes }
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
  settings: readonly string[],
  options: ConversionOptions,
): Promise<void> {
  const key = await keyOf(weights.root, plan.tensors, settings)
  const dtypes = new Map(plan.tensors.map((tensor, i) => [tensor, plan.dtypes[i] as FloatDType]))
  await writeComplete(path, plan.bytes, async target => {
    await writeAll(target, plan.header)
    let doneBytes = plan.header.length
    const append = async (chunk: Chunk): Promise<void> => {
      const bytes = bytesAs(dtypes.get(chunk.tensor) as FloatDType, chunk)
      await writeAll(target, bytes)
      doneBytes += bytes.length
      options.onProgress?.({ doneBytes, totalBytes: plan.bytes })
    }
    await eachChunk(weights.root, plan.tensors, append, options)
    if ((await keyOf(weights.root, plan.tensors, settings)) !== key) throw changedMeanwhile(weights.source)
  })
}

/** A chunk in another type, little-endian. */
function bytesAs(dtype: FloatDType, { tensor, floats, stored }: Chunk): Uint8Array {
  if (dtype === tensor.dtype) return stored
  if (dtype === 'F32') return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
  const narrow = new Uint16Array(floats.length)
  if (narrowFloat16(floats, narrow)) return new Uint8Array(narrow.buffer)
  const problem = `tensor ${quote(tensor.name)} has a number that float16 does not reach`
  throw new WeightsError(`${tensor.file}: ${problem}; use another dtype.`)
}

/** The converted file through the same parser as a published one; messages go on naming the published one. */
async function openConverted(path: string, published: Weights): Promise<Weights> {
  const stored = await withFile(path, path, async handle =>
    readSafetensors(await fileSource(handle, basename(path))),
  )
  const root = await realpath(dirname(path))
  const converted = weightsOf(published.source, root, new Map(stored.map(tensor => [tensor.name, tensor])))
  return { ...converted, tensor: name => converted.tensor(requireFloat(published, name)) }
}

/** @throws WeightsError for a tensor that is there, but is left out as it is of no float type */
export function requireFloat(published: Weights, name: string): string {
  const dtype = published.tensors.get(name)?.dtype
  if (dtype === undefined || isFloatDType(dtype)) return name
  const problem = `tensor ${quote(name)} is ${dtype}, and only F32, F16 and BF16 are read as float32`
  throw new WeightsError(`${published.source}: ${problem}; save the checkpoint in one of them.`)
}
