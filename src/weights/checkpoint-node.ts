import { readdir, realpath } from 'node:fs/promises'
import { relative, sep } from 'node:path'
import {
  type Checkpoint,
  type CheckpointFiles,
  checkTextSize,
  INDEX,
  missingFile,
  parseJson,
  parseText,
  readTable,
  SINGLE,
  type Weights,
  weightsOf,
} from './checkpoint.ts'
import { quote, WeightsError } from './error.ts'
import { fileSource, readAt, withFile } from './file-node.ts'
import { type Home, homeOf, isInside, locate } from './home-node.ts'
import { readSafetensors, type StoredTensor } from './safetensors.ts'

/**
 * Opens a checkpoint as `save_pretrained` writes it: `model.safetensors`, or `model.safetensors.index.json` and its
 * shards. Reads headers only, copies no weights. The folder may be a plain one or a snapshot in the Hugging Face cache;
 * files may be links within the model's own folder, not out of it.
 *
 * @throws WeightsError in one line that says what to do
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const home = await homeOf(folder)
  const files = filesOf(home)
  return { ...(await openWeights(home, files)), ...files }
}

/** The files of a checkpoint's folder, whatever is there of them. */
export async function openFolder(folder: string): Promise<CheckpointFiles> {
  return filesOf(await homeOf(folder))
}

function filesOf(home: Home): CheckpointFiles {
  const readText = (name: string): Promise<string> => readTextFile(home, name)
  return {
    folder: home.given,
    readText,
    readJson: async name => parseJson(await readText(name), name),
    has: async name => (await locate(home, name)) !== null,
    readTensors: async name => {
      const path = await locate(home, name)
      if (path === null) throw missingFile(home.given, name)
      const tensors = await withFile(path, name, async handle =>
        readSafetensors(await fileSource(handle, name)),
      )
      return tensors.map(tensor => ({ ...tensor, file: path }))
    },
  }
}

/** Names each tensor's file by its real path below one root, for an engine that follows no link out of it. */
async function openWeights(home: Home, files: CheckpointFiles): Promise<Weights> {
  if (!(await files.has(SINGLE)) && !(await files.has(INDEX))) throw await withoutWeights(home)
  const { source, tensors } = await readTable(files)
  const paths = [...new Set([...tensors.values()].map(tensor => tensor.file))]
  const roots = [home.folder, ...(await hubRoots(home))]
  const root = roots.find(folder => paths.every(path => isInside(folder, path))) ?? home.folder
  const relativePath = (path: string): string => relative(root, path).replaceAll(sep, '/')
  const below = ([name, tensor]: [string, StoredTensor]): [string, StoredTensor] => [
    name,
    { ...tensor, file: relativePath(tensor.file) },
  ]
  return weightsOf(source, root, new Map([...tensors].map(below)))
}

/** Where the files that a snapshot links to may lie: among the model's own, or among those that models share. */
const hubRoots = async ({ hubModel }: Home): Promise<string[]> =>
  hubModel === null ? [] : [hubModel, await realpath(`${hubModel}/..`)]

async function readTextFile(home: Home, name: string): Promise<string> {
  const path = await locate(home, name)
  if (path === null) throw missingFile(home.given, name)
  return withFile(path, name, async handle => {
    const { size } = await handle.stat()
    checkTextSize(size, name)
    return parseText(await readAt(handle, new Uint8Array(size), 0), name)
  })
}

async function withoutWeights(home: Home): Promise<WeightsError> {
  if (!(await locate(home, 'config.json'))) return missingFile(home.given, 'config.json')
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
