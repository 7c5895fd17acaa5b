import { readdir } from 'node:fs/promises'
import { relative, sep } from 'node:path'
import { type Checkpoint, parseIndex, tensorsOfIndex, type Weights, weightsOf } from './checkpoint.ts'
import { oneLine, quote, WeightsError } from './error.ts'
import { fileSource, readAt, withFile } from './file-node.ts'
import { type Home, homeOf, isInside, locate } from './home-node.ts'
import { readSafetensors, type StoredTensor } from './safetensors.ts'

const SINGLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'

/** Bytes. The largest text of a published checkpoint is a tokenizer.json; those of Gemma 3 have 33 MB. */
const MAX_TEXT_BYTES = 100_000_000

/**
 * Opens a checkpoint as `save_pretrained` writes it: `model.safetensors`, or `model.safetensors.index.json` and its
 * shards. Reads headers only, copies no weights. The folder may be a plain one or a snapshot in the Hugging Face cache;
 * files may be links within the model's own folder, not out of it.
 *
 * @throws WeightsError in one line that says what to do
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const home = await homeOf(folder)
  const readText = (name: string): Promise<string> => readTextFile(home, name)
  const readJson = async (name: string): Promise<unknown> => parseJson(await readText(name), name)
  const has = async (name: string): Promise<boolean> => (await locate(home, name)) !== null
  return { ...(await openWeights(home, readJson)), folder, has, readText, readJson }
}

async function openWeights(home: Home, readJson: (name: string) => Promise<unknown>): Promise<Weights> {
  const single = await locate(home, SINGLE)
  if (single !== null) {
    const shards = new Map([[SINGLE, single]])
    const tensors = await readShard(SINGLE, single)
    return relativeWeights(home, SINGLE, shards, new Map(tensors.map(tensor => [tensor.name, tensor])))
  }
  if ((await locate(home, INDEX)) === null) throw await withoutWeights(home)

  const index = parseIndex(await readJson(INDEX), INDEX)
  const shards = new Map<string, string>()
  const tensorsOf = new Map<string, StoredTensor[]>()
  for (const shard of new Set(index.values())) {
    const path = await locate(home, shard)
    if (path === null) {
      throw new WeightsError(
        `${INDEX}: the shard ${quote(shard)} is not in ${home.given}; download it as well.`,
      )
    }
    shards.set(shard, path)
    tensorsOf.set(shard, await readShard(shard, path))
  }
  return relativeWeights(home, INDEX, shards, tensorsOfIndex(index, tensorsOf, INDEX))
}

const readShard = (name: string, path: string): Promise<StoredTensor[]> =>
  withFile(path, name, async handle => readSafetensors(await fileSource(handle, name)))

/** Names each tensor's file by its real path below one root, for an engine that follows no link out of it. */
function relativeWeights(
  home: Home,
  source: string,
  shards: ReadonlyMap<string, string>,
  tensors: ReadonlyMap<string, StoredTensor>,
): Weights {
  const inFolder = [...shards.values()].every(path => isInside(home.folder, path))
  const root = inFolder ? home.folder : (home.hubModel as string)
  const file = (shard: string): string => relative(root, shards.get(shard) as string).replaceAll(sep, '/')
  return weightsOf(
    source,
    root,
    new Map([...tensors].map(([name, t]) => [name, { ...t, file: file(t.file) }])),
  )
}

async function readTextFile(home: Home, name: string): Promise<string> {
  const path = await locate(home, name)
  if (path === null) throw missingText(home, name)
  return withFile(path, name, async handle => {
    const { size } = await handle.stat()
    if (size > MAX_TEXT_BYTES) {
      throw new WeightsError(
        `${name}: has ${size} bytes, more than the ${MAX_TEXT_BYTES} such a file may have.`,
      )
    }
    const bytes = await readAt(handle, new Uint8Array(size), 0)
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } catch {
      throw new WeightsError(`${name}: is not UTF-8 text; download the file again.`)
    }
  })
}

const missingText = (home: Home, name: string): WeightsError =>
  name === 'config.json'
    ? withoutConfig(home)
    : new WeightsError(`${home.given}: has no ${name}; copy it from the model's repository.`)

const withoutConfig = ({ given }: Home): WeightsError =>
  new WeightsError(
    `${given}: has no config.json, so it is not a checkpoint; give a folder written by save_pretrained.`,
  )

async function withoutWeights(home: Home): Promise<WeightsError> {
  if (!(await locate(home, 'config.json'))) return withoutConfig(home)
  const pickled = (await readdir(home.folder)).find(name => /\.(bin|pt|pth)$/.test(name))
  if (pickled === undefined) {
    return new WeightsError(
      `${home.given}: has neither ${SINGLE} nor ${INDEX}; download the weights as well.`,
    )
  }
  const problem = `has its weights in ${quote(pickled)}, a pickle that can run code, and is not read`
  return new WeightsError(
    `${home.given}: ${problem}; convert it with save_pretrained(..., safe_serialization=True).`,
  )
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new WeightsError(
      `${name}: is not JSON: ${oneLine((error as Error).message)}; download the file again.`,
    )
  }
}
