import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { defaultCacheFolder, withScratch, writeComplete } from './cache-node.ts'
import { type Weights, weightsOf } from './checkpoint.ts'
import { type ConversionOptions, type ConvertedWeights, requireFloat } from './convert-node.ts'
import { quote, WeightsError } from './error.ts'
import { fileSource, type Part, withFile } from './file-node.ts'
import { bytesOf, type FloatTensor, floatTensors } from './floats.ts'
import { type Chunk, changedMeanwhile, eachChunk, keyOf } from './floats-node.ts'
import { type BlockLayout, type Blocks, blockLayout, quantizeRows, rowBytes } from './quantize.ts'
import { readSafetensors, type StoredTensor } from './safetensors.ts'
import { PAGE_BYTES, TensorFile } from './tensor-file-node.ts'

/** Part of every key, so that a change of what is written does not meet files written before. */
const FORMAT = 'blocks safetensors 1'

/** A matrix in blocks: the bytes of `Blocks`, and of its values once more as a runtime arranges them. */
export interface QuantizedMatrix extends BlockLayout {
  readonly values: Part & { readonly packed?: PackedPart }
  readonly scales: Part
  readonly zeros: Part
}

export interface PackedPart extends Part {
  /** The runtime's name for what it has made. */
  readonly key: string
}

/** Arranges matrices as a runtime does for its products, so that not every session has to keep its own arrangement. */
export interface Packer {
  /** Part of the key of a file: what would arrange it differently has another. */
  readonly id: string
  /**
   * @param folder the one that the matrix's file is in
   * @param scratch a folder for what is needed meanwhile
   * @returns where it is, by absolute path; null if the runtime arranges nothing
   */
  pack(matrix: QuantizedMatrix, folder: string, scratch: string): Promise<PackedPart | null>
}

export interface QuantizedWeights extends ConvertedWeights {
  /** The matrix of that name, or null for what is not in blocks. */
  blocks(name: string): QuantizedMatrix | null
}

/**
 * Weights whose matrices are in blocks of 4 or 8 bits, and all else float32, in one file in the cache. It is written
 * once, matrix by matrix: memory is a few chunks, and what the packer takes for one matrix. Like the float32 file it
 * belongs to the published files and to how it was made, appears complete or not at all, and is written anew where it is
 * damaged.
 *
 * @param bits of each matrix, by name
 * @param kept names of matrices that are needed in float32 as well, such as an embedding that is the output's matrix too
 * @param packer null: nothing is arranged for a runtime
 * @throws WeightsError when the cache cannot be written, and for a matrix with a number that is not finite
 */
export async function quantizedWeights(
  weights: Weights,
  bits: ReadonlyMap<string, 4 | 8>,
  kept: ReadonlySet<string>,
  packer: Packer | null,
  options: ConversionOptions = {},
): Promise<QuantizedWeights> {
  const plan = planOf(weights, bits, kept, packer)
  const key = await keyOf(weights.root, plan.tensors, plan.settings)
  const path = join(options.cacheFolder ?? defaultCacheFolder(), 'blocks', `${key}.safetensors`)
  const found = await open(path, plan).catch(() => null)
  if (found === null) await write(path, plan, key, packer, options)
  const { bytes, ...opened } = found ?? (await open(path, plan))
  const from = [...new Set(plan.tensors.map(tensor => tensor.dtype))]
  return { ...opened, converted: { path, bytes, from, cached: found !== null } }
}

interface Plan {
  readonly weights: Weights
  /** In the order in which they are read. */
  readonly tensors: readonly FloatTensor[]
  /** Of those that are put in blocks. */
  readonly layouts: ReadonlyMap<FloatTensor, BlockLayout>
  /** Those that are written as float32. */
  readonly floats: ReadonlySet<FloatTensor>
  /** What belongs to the key beside the tensors. */
  readonly settings: readonly string[]
}

function planOf(
  weights: Weights,
  bits: ReadonlyMap<string, 4 | 8>,
  kept: ReadonlySet<string>,
  packer: Packer | null,
): Plan {
  const tensors = floatTensors(weights.tensors.values())
  const layouts = new Map<FloatTensor, BlockLayout>()
  for (const tensor of tensors) {
    const [rows, columns] = tensor.shape as [number, number]
    const own = bits.get(tensor.name)
    if (own !== undefined) layouts.set(tensor, blockLayout(own, rows, columns))
  }
  const floats = new Set(tensors.filter(tensor => !layouts.has(tensor) || kept.has(tensor.name)))
  const written = [...layouts.entries(), ...floats].map(one =>
    'name' in one ? one.name : [one[0].name, one[1]],
  )
  return { weights, tensors, layouts, floats, settings: [FORMAT, packer?.id ?? '', JSON.stringify(written)] }
}

// The names that a matrix's parts have in the file. No checkpoint has a slash in its names.
const partNames = ['values', 'scales', 'zeros'] as const
const partName = (name: string, part: keyof Blocks): string => `${name}/${part}`
const packedName = (name: string, key: string): string => `${name}/packed/${key}`

interface Opened extends Weights {
  readonly blocks: (name: string) => QuantizedMatrix | null
  readonly bytes: number
}

/** @throws where the file is not what the plan would write */
async function open(path: string, { weights: published, floats, layouts }: Plan): Promise<Opened> {
  const { stored, size } = await withFile(path, path, async handle => {
    const source = await fileSource(handle, basename(path))
    return { stored: await readSafetensors(source), size: source.size }
  })
  const root = await realpath(dirname(path))
  const weights = weightsOf(published.source, root, new Map(stored.map(tensor => [tensor.name, tensor])))
  const packed = packedParts(stored)
  const matrices = new Map<string, QuantizedMatrix>()
  for (const tensor of floats) requireSame(weights.tensor(tensor.name), tensor)
  for (const [{ name }, layout] of layouts) {
    matrices.set(name, matrixOf(weights, name, layout, packed.get(name)))
  }
  return {
    ...weights,
    tensor: name => weights.tensor(requireFloat(published, name)),
    blocks: name => matrices.get(name) ?? null,
    bytes: size,
  }
}

function packedParts(stored: readonly StoredTensor[]): ReadonlyMap<string, PackedPart> {
  const found = new Map<string, PackedPart>()
  for (const { name, file, offset, length } of stored) {
    const [matrix, part, key] = name.split('/')
    if (part === 'packed') found.set(matrix as string, { key: key as string, file, offset, length })
  }
  return found
}

function matrixOf(weights: Weights, name: string, layout: BlockLayout, packed?: PackedPart): QuantizedMatrix {
  const sizes = rowBytes(layout)
  const [values, scales, zeros] = partNames.map(part => {
    const { file, offset, length } = weights.tensor(partName(name, part))
    if (length !== layout.rows * sizes[part]) throw notAsWritten(file)
    return { file, offset, length }
  }) as [Part, Part, Part]
  return { ...layout, values: packed === undefined ? values : { ...values, packed }, scales, zeros }
}

function requireSame(found: StoredTensor, { shape }: FloatTensor): void {
  if (found.dtype === 'F32' && `${found.shape}` === `${shape}`) return
  throw notAsWritten(found.file)
}

const notAsWritten = (file: string): WeightsError => new WeightsError(`${file}: is not as it was written.`)

async function write(
  path: string,
  plan: Plan,
  key: string,
  packer: Packer | null,
  options: ConversionOptions,
): Promise<void> {
  const { weights, tensors, layouts, floats, settings } = plan
  const totalBytes = expectedBytes(plan, packer !== null)
  await writeComplete(path, totalBytes, async (handle, unfinished) => {
    const file = new TensorFile(handle, namesIn(plan))
    const wholes = new Map([...floats].map(tensor => [tensor, placeFloats(file, tensor)]))
    const parts = new Map([...layouts].map(([tensor, layout]) => [tensor, placeBlocks(file, tensor, layout)]))
    let doneBytes = 0
    const advance = (bytes: number): void => {
      doneBytes = Math.min(doneBytes + bytes, totalBytes)
      options.onProgress?.({ doneBytes, totalBytes })
    }
    const use = async (chunk: Chunk): Promise<void> => {
      const { tensor } = chunk
      const [whole, layout, places] = [wholes.get(tensor), layouts.get(tensor), parts.get(tensor)]
      if (whole !== undefined) advance(await writeFloats(file, chunk, whole))
      if (layout === undefined || places === undefined) return
      advance(await writeBlocks(file, chunk, layout, places))
      if (packer === null || !endsTensor(chunk)) return
      const matrix = { ...layout, ...partsAt(basename(unfinished), layout, places) }
      await withScratch(path, async scratch => {
        const packed = await packer.pack(matrix, dirname(path), scratch)
        if (packed === null) return
        await file.copy(packedName(tensor.name, packed.key), packed, PAGE_BYTES)
        advance(packed.length)
      })
    }
    const wholeRows = (tensor: FloatTensor): boolean => layouts.has(tensor)
    await eachChunk(weights.root, tensors, use, { wholeRows, signal: options.signal })
    await file.finish()
    if ((await keyOf(weights.root, tensors, settings)) !== key) throw changedMeanwhile(weights.source)
    advance(totalBytes)
  })
}

/** Longer than any runtime's name for what it has packed. */
const longestKey = 'x'.repeat(64)

const namesIn = ({ floats, layouts }: Plan): string[] => [
  ...[...floats].map(({ name }) => name),
  ...[...layouts.keys()].flatMap(({ name }) => [
    ...partNames.map(part => partName(name, part)),
    packedName(name, longestKey),
  ]),
]

const floatBytes = ({ length, dtype }: FloatTensor): number => (length / bytesOf[dtype]) * bytesOf.F32

const placeFloats = (file: TensorFile, tensor: FloatTensor): number =>
  file.place({ name: tensor.name, dtype: 'F32', shape: tensor.shape, length: floatBytes(tensor) })

/** Where the parts of a matrix begin. */
type Places = Readonly<Record<keyof Blocks, number>>

function placeBlocks(file: TensorFile, { name }: FloatTensor, layout: BlockLayout): Places {
  const { rows, blocks } = layout
  const place = (part: keyof Blocks): number => {
    const row = rowBytes(layout)[part]
    const [dtype, shape] =
      part === 'scales' ? (['F32', [rows, blocks]] as const) : (['U8', [rows, row]] as const)
    return file.place({ name: partName(name, part), dtype, shape, length: rows * row })
  }
  return { values: place('values'), scales: place('scales'), zeros: place('zeros') }
}

function partsAt(file: string, layout: BlockLayout, places: Places): Record<keyof Blocks, Part> {
  const sizes = rowBytes(layout)
  const part = (name: keyof Blocks): Part => ({
    file,
    offset: places[name],
    length: layout.rows * sizes[name],
  })
  return { values: part('values'), scales: part('scales'), zeros: part('zeros') }
}

const bytesIn = (array: Float32Array): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

const endsTensor = ({ tensor, start, floats }: Chunk): boolean =>
  start + floats.length === tensor.length / bytesOf[tensor.dtype]

/** Both return how many bytes were written. */
async function writeFloats(file: TensorFile, { floats, start }: Chunk, place: number): Promise<number> {
  await file.write(bytesIn(floats), place + bytesOf.F32 * start)
  return floats.byteLength
}

async function writeBlocks(
  file: TensorFile,
  { tensor, floats, start }: Chunk,
  layout: BlockLayout,
  places: Places,
): Promise<number> {
  const blocks = quantizeRows(floats, layout)
  if (blocks === null) {
    const problem = `tensor ${quote(tensor.name)} has a number that is not finite and cannot be put in blocks`
    throw new WeightsError(`${tensor.file}: ${problem}; use dtype f32, or another checkpoint.`)
  }
  const sizes = rowBytes(layout)
  const row = start / layout.columns
  await file.write(blocks.values, places.values + row * sizes.values)
  await file.write(bytesIn(blocks.scales), places.scales + row * sizes.scales)
  await file.write(blocks.zeros, places.zeros + row * sizes.zeros)
  return (floats.length / layout.columns) * (sizes.values + sizes.scales + sizes.zeros)
}

/** A little more than what is written: what a runtime makes of a matrix is at most half as long again as its values. */
function expectedBytes({ floats, layouts }: Plan, isPacked: boolean): number {
  let bytes = 0
  for (const tensor of floats) bytes += floatBytes(tensor)
  for (const layout of layouts.values()) {
    const { values, scales, zeros } = rowBytes(layout)
    bytes += layout.rows * (values + scales + zeros + (isPacked ? 1.5 * values + scales : 0))
  }
  return bytes
}
