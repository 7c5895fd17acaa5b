import { oneLine, quote, WeightsError } from './error.ts'

// A safetensors file: 8 bytes, little-endian, the header's length; the header, JSON, one entry per tensor; the data.
// Format and rules: https://github.com/huggingface/safetensors (README, "Format"; `Metadata::validate`).

/** Bytes per element. Types below one byte (F4, F6) are refused as unknown. */
const bytesPerElement = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  C64: 8,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const

export type StoredDType = keyof typeof bytesPerElement

/** A tensor where it lies: `length` bytes from the absolute `offset` of `file`, little-endian, row-major. */
export interface StoredTensor {
  readonly name: string
  readonly dtype: StoredDType
  readonly shape: readonly number[]
  readonly file: string
  readonly offset: number
  readonly length: number
}

/** A file, or anything else that gives ranges of bytes: a `Blob`, an HTTP resource. */
export interface ByteSource {
  /** As errors and tensors name it. */
  readonly file: string
  /** Bytes. */
  readonly size: number
  /** `length` bytes from `offset`; fewer where the source ends. */
  read(offset: number, length: number): Promise<Uint8Array>
}

const PREFIX_BYTES = 8

/** The reference implementation's limit; a 7B model's header has about 0.1 MB. */
const MAX_HEADER_BYTES = 100_000_000

/** Header, entry, shape: JSON nested deeper is no header, and would be allocated before it could be refused. */
const MAX_HEADER_DEPTH = 3

/** Far above any model (the largest have some 100,000 tensors), far below what fills the memory of a process. */
const MAX_TENSORS = 1_000_000

const DAMAGED = 'the file is damaged, download it again'

/**
 * The tensors of a safetensors file, in the header's order, by reading nothing but its header.
 *
 * Refuses what the reference implementation refuses: a header over 100 MB, a truncated file, data that overlaps,
 * leaves a hole or ends before the file does, a shape that does not fit its bytes. Stricter in one point: a name given
 * twice, of which the reference silently keeps the last. `__metadata__` is ignored.
 *
 * @throws WeightsError naming the file and the tensor
 */
export async function readSafetensors(source: ByteSource): Promise<StoredTensor[]> {
  const length = headerLength(await read(source, 0, Math.min(PREFIX_BYTES, source.size)), source)
  const header = parseHeader(await read(source, PREFIX_BYTES, length), source.file)
  const dataStart = PREFIX_BYTES + length
  const tensors = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => storedTensor(name, entry, dataStart, source))
  checkCoverage(tensors, dataStart, source)
  return tensors
}

async function read(source: ByteSource, offset: number, length: number): Promise<Uint8Array> {
  const bytes = await source.read(offset, length)
  if (bytes.length === length) return bytes
  throw new WeightsError(
    `${source.file}: ends at byte ${offset + bytes.length} while being read; ${DAMAGED}.`,
  )
}

function headerLength(prefix: Uint8Array, { file, size }: ByteSource): number {
  if (size < PREFIX_BYTES) {
    throw new WeightsError(`${file}: has ${size} bytes, fewer than a header's length takes; ${DAMAGED}.`)
  }
  if (new TextDecoder().decode(prefix) === 'version ') {
    throw new WeightsError(
      `${file}: is a Git LFS pointer, not the file itself; run "git lfs pull" in its folder.`,
    )
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true)
  if (length > MAX_HEADER_BYTES) {
    const problem = `states a header of ${length} bytes, more than the format's ${MAX_HEADER_BYTES}`
    throw new WeightsError(`${file}: ${problem}; it is damaged or no safetensors file, download it again.`)
  }
  if (length > size - PREFIX_BYTES) {
    throw new WeightsError(`${file}: states a header of ${length} bytes, but ends after ${size}; ${DAMAGED}.`)
  }
  return Number(length)
}

function parseHeader(bytes: Uint8Array, file: string): Record<string, unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    checkStructure(text)
    const header: unknown = JSON.parse(text)
    if (isObject(header)) return header
    throw new Error('it is not an object')
  } catch (error) {
    throw new WeightsError(
      `${file}: the header cannot be read: ${oneLine((error as Error).message)}; ${DAMAGED}.`,
    )
  }
}

/** Refuses what `JSON.parse` lets pass: deep nesting, and a key given twice, of which it keeps the last. */
function checkStructure(text: string): void {
  const open: Set<string>[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{' || character === '[') open.push(new Set())
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const end = endOfString(text, at)
      if (isKey(text, end)) addKey(open.at(-1), JSON.parse(text.slice(at, end)))
      at = end - 1
    }
    if (open.length > MAX_HEADER_DEPTH) throw new Error(`nested deeper than ${MAX_HEADER_DEPTH} levels`)
  }
}

function addKey(keys: Set<string> | undefined, key: string): void {
  if (keys?.has(key)) throw new Error(`${quote(key)} is given twice`)
  if (keys?.size === MAX_TENSORS) throw new Error(`it has more than ${MAX_TENSORS} entries`)
  keys?.add(key)
}

/** The index behind the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function isKey(text: string, end: number): boolean {
  let at = end
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at++
  return text[at] === ':'
}

function storedTensor(name: string, entry: unknown, dataStart: number, source: ByteSource): StoredTensor {
  const refuse = (problem: string, remedy = DAMAGED): WeightsError =>
    new WeightsError(`${source.file}: tensor ${quote(name)} ${problem}; ${remedy}.`)

  if (!isObject(entry)) throw refuse(`is described by ${quote(entry)}, not by {dtype, shape, data_offsets}`)
  const { dtype, shape, data_offsets: offsets } = entry
  if (!isDType(dtype)) throw refuse(`has the unknown dtype ${quote(dtype)}`, 'save it as F32, F16 or BF16')
  if (!isSizes(shape)) throw refuse(`has the shape ${quote(shape)}, expected whole numbers from 0 to 2^53`)
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw refuse(`has the data_offsets ${quote(offsets)}, expected two whole numbers from 0 to 2^53`)
  }

  const [begin, end] = offsets as [number, number]
  const available = source.size - dataStart
  if (end < begin) throw refuse(`ends before it begins, data_offsets ${quote(offsets)}`)
  if (end > available) throw refuse(`ends at byte ${end} of the data, but the file holds ${available}`)

  const length = shape.reduce((product, size) => product * size, 1) * bytesPerElement[dtype]
  if (length !== end - begin) {
    throw refuse(`has ${end - begin} bytes, but ${dtype} ${quote(shape)} takes ${length}`)
  }
  return { name, dtype, shape, file: source.file, offset: dataStart + begin, length }
}

/** Every byte of the data belongs to one tensor. */
function checkCoverage(
  tensors: readonly StoredTensor[],
  dataStart: number,
  { file, size }: ByteSource,
): void {
  let end = dataStart
  let before = 'the header'
  for (const { name, offset, length } of tensors.toSorted(
    (a, b) => a.offset - b.offset || a.length - b.length,
  )) {
    if (offset !== end) {
      const relation = offset < end ? 'overlaps' : 'leaves a hole behind'
      const where = `it begins at byte ${offset} and not at ${end}`
      throw new WeightsError(`${file}: tensor ${quote(name)} ${relation} ${before}, ${where}; ${DAMAGED}.`)
    }
    end = offset + length
    before = `tensor ${quote(name)}`
  }
  if (end !== size) {
    throw new WeightsError(`${file}: has ${size} bytes, but its last tensor ends at ${end}; ${DAMAGED}.`)
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isDType = (value: unknown): value is StoredDType =>
  typeof value === 'string' && Object.hasOwn(bytesPerElement, value)

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every(size => Number.isSafeInteger(size) && size >= 0)

/**
 * The beginning of a safetensors file, length and header, for tensors that follow each other in the order given.
 * Padded with spaces so that the data starts at a multiple of 8, as the reference implementation does.
 *
 * @param size pads it up to so many instead, a multiple of 8
 */
export function safetensorsHeader(
  tensors: readonly Pick<StoredTensor, 'name' | 'dtype' | 'shape' | 'length'>[],
  size = 0,
): Uint8Array {
  let end = 0
  const entries = tensors.map(({ name, dtype, shape, length }) => {
    const begin = end
    end += length
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const
  })
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  const bytes = new Uint8Array(Math.max(size, PREFIX_BYTES + Math.ceil(json.length / 8) * 8)).fill(0x20)
  bytes.set(json, PREFIX_BYTES)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - PREFIX_BYTES), true)
  return bytes
}
