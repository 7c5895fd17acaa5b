import { oneLine, quote, WeightsError } from './error.ts'
import type { StoredTensor } from './safetensors.ts'

/** The tensors of a checkpoint, wherever they lie. */
export interface Weights {
  /** The file that lists the tensors, for messages: "model.safetensors". */
  readonly source: string
  /** Absolute path of the folder that each tensor's `file` is relative to; no link leads out of it. */
  readonly root: string
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** @throws WeightsError for a name that is not there, naming the nearest that is */
  tensor(name: string): StoredTensor
}

/** The files of a checkpoint, in a folder or elsewhere. */
export interface CheckpointFiles {
  /** As it was given. */
  readonly folder: string
  has(name: string): Promise<boolean>
  /** @throws WeightsError when the file is missing, too large or not UTF-8 */
  readText(name: string): Promise<string>
  /** @throws WeightsError also when the file is not JSON */
  readJson(name: string): Promise<unknown>
  /** The tensors of a safetensors file, from its header. */
  readTensors(name: string): Promise<StoredTensor[]>
}

/** A published checkpoint: its weights and the files that describe it. */
export interface Checkpoint extends Weights, CheckpointFiles {}

export const SINGLE = 'model.safetensors'
export const INDEX = 'model.safetensors.index.json'

/** Bytes. The largest text of a published checkpoint is a tokenizer.json; those of Gemma 3 have 33 MB. */
export const MAX_TEXT_BYTES = 100_000_000

/** @param given the place, as it was given */
export const missingFile = (given: string, name: string): WeightsError =>
  new WeightsError(
    name === 'config.json'
      ? `${given}: has no config.json, so it is not a checkpoint; give a folder written by save_pretrained.`
      : `${given}: has no ${name}; copy it from the model's repository.`,
  )

/** A checkpoint's tensors by name, each with the file that `readTensors` gives it, and the file that lists them. */
export async function readTable(
  files: CheckpointFiles,
): Promise<{ source: string; tensors: Map<string, StoredTensor> }> {
  if (await files.has(SINGLE)) {
    const tensors = await files.readTensors(SINGLE)
    return { source: SINGLE, tensors: new Map(tensors.map(tensor => [tensor.name, tensor])) }
  }
  const index = parseIndex(await files.readJson(INDEX), INDEX)
  const tensorsOf = new Map<string, StoredTensor[]>()
  for (const shard of new Set(index.values())) {
    if (!(await files.has(shard))) {
      throw new WeightsError(
        `${INDEX}: the shard ${quote(shard)} is not in ${files.folder}; download it as well.`,
      )
    }
    tensorsOf.set(shard, await files.readTensors(shard))
  }
  return { source: INDEX, tensors: tensorsOfIndex(index, tensorsOf, INDEX) }
}

/** @throws WeightsError for a file of so many bytes that nothing of it should be read */
export function checkTextSize(bytes: number, name: string): void {
  if (bytes <= MAX_TEXT_BYTES) return
  throw new WeightsError(`${name}: has ${bytes} bytes, more than the ${MAX_TEXT_BYTES} such a file may have.`)
}

export function parseText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new WeightsError(`${name}: is not UTF-8 text; download the file again.`)
  }
}

export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new WeightsError(
      `${name}: is not JSON: ${oneLine((error as Error).message)}; download the file again.`,
    )
  }
}

export const weightsOf = (
  source: string,
  root: string,
  tensors: ReadonlyMap<string, StoredTensor>,
): Weights => ({
  source,
  root,
  tensors,
  tensor: name => {
    const found = tensors.get(name)
    if (found === undefined) throw new WeightsError(notFound(source, name, tensors))
    return found
  },
})

function notFound(source: string, name: string, tensors: ReadonlyMap<string, StoredTensor>): string {
  const nearest = nearestName(name, tensors.keys())
  const hint = nearest === undefined ? '' : ` Nearest: ${quote(nearest)}.`
  return `${source}: tensor ${quote(name)} not found.${hint}`
}

/** Checkpoints of one model differ in prefixes, so the nearest name is the one with the longest common ending. */
function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let longest = 0
  for (const candidate of candidates) {
    const common = commonEnding(name, candidate)
    if (common > longest || (common === longest && candidate.length < (nearest?.length ?? 0))) {
      nearest = candidate
      longest = common
    }
  }
  return nearest
}

function commonEnding(a: string, b: string): number {
  let length = 0
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length++
  return length
}

/** The shard of every tensor, from the text of a `model.safetensors.index.json`. Shards are plain file names. */
export function parseIndex(index: unknown, file: string): Map<string, string> {
  const shards = (index as { weight_map?: unknown } | null)?.weight_map
  if (typeof shards !== 'object' || shards === null || Array.isArray(shards)) {
    throw new WeightsError(`${file}: has no "weight_map" from tensors to shards; download the file again.`)
  }
  for (const [name, shard] of Object.entries(shards)) {
    if (typeof shard === 'string' && isPlainFileName(shard)) continue
    const problem = `puts tensor ${quote(name)} into ${quote(shard)}, which is not the name of a file beside it`
    throw new WeightsError(`${file}: ${problem}; do not trust this checkpoint.`)
  }
  return new Map(Object.entries(shards))
}

/** A name that cannot lead out of its folder, nor break a message's line. */
export const isPlainFileName = (name: string): boolean =>
  /^[^/\\:\p{Cc}]+$/u.test(name) && name !== '.' && name !== '..'

/**
 * The tensors an index lists, each from the shard it names. Tensors of a shard that the index does not list are left
 * out, as every loader does that goes by the index.
 */
export function tensorsOfIndex(
  index: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, readonly StoredTensor[]>,
  file: string,
): Map<string, StoredTensor> {
  const byShard = new Map(
    [...shards].map(([shard, tensors]) => [shard, new Map(tensors.map(t => [t.name, t]))]),
  )
  const found = new Map<string, StoredTensor>()
  for (const [name, shard] of index) {
    const tensor = byShard.get(shard)?.get(name)
    if (tensor === undefined) throw new WeightsError(misplaced(name, shard, byShard, file))
    found.set(name, tensor)
  }
  return found
}

function misplaced(
  name: string,
  shard: string,
  byShard: ReadonlyMap<string, ReadonlyMap<string, unknown>>,
  file: string,
): string {
  const actual = [...byShard].find(([, tensors]) => tensors.has(name))?.[0]
  const found = actual === undefined ? 'no shard has it' : `it is in ${quote(actual)}`
  return `${file}: puts tensor ${quote(name)} into ${quote(shard)}, but ${found}; download index and shards of one revision.`
}
