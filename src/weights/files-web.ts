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
  weightsOf,
} from './checkpoint.ts'
import { WeightsError } from './error.ts'
import { readSafetensors } from './safetensors.ts'

/** The files of a checkpoint that a browser can reach. */
export interface WebFiles extends CheckpointFiles {
  /** Brings files of weights whose tensors have been read to where each part of them can be read at once. */
  bring(names: readonly string[], options: BringOptions): Promise<ReadonlyMap<string, Blob>>
}

export interface BringOptions {
  /** Called while they are downloaded, with bytes of all of them together. */
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void
  readonly signal?: AbortSignal
}

/** A checkpoint's files and its tensors, by their headers. */
export async function openCheckpoint(files: CheckpointFiles): Promise<Checkpoint> {
  if (!(await files.has('config.json'))) throw missingFile(files.folder, 'config.json')
  if (!(await files.has(SINGLE)) && !(await files.has(INDEX)))
    throw new WeightsError(
      `${files.folder}: has neither ${SINGLE} nor ${INDEX}; weights are read as safetensors alone.`,
    )
  const { source, tensors } = await readTable(files)
  return { ...files, ...weightsOf(source, '', tensors) }
}

/** Files that a user has picked or dropped: a folder's, or its files one by one. */
export function pickedFiles(picked: Iterable<File>): WebFiles {
  const files = new Map([...picked].map(file => [nameOf(file), file]))
  const [first] = files.values()
  const folder = first?.webkitRelativePath.split('/').at(0) || 'what was chosen'
  const find = (name: string): File => {
    const file = files.get(name)
    if (file === undefined) throw missingFile(folder, name)
    return file
  }
  const readText = async (name: string): Promise<string> => {
    const file = find(name)
    checkTextSize(file.size, name)
    return parseText(await readPart(file, name, 0, file.size), name)
  }
  return {
    folder,
    readText,
    readJson: async name => parseJson(await readText(name), name),
    has: async name => files.has(name),
    readTensors: async name => {
      const file = find(name)
      const read = (offset: number, length: number) => readPart(file, name, offset, length)
      return readSafetensors({ file: name, size: file.size, read })
    },
    bring: async names => new Map(names.map(name => [name, find(name)])),
  }
}

/** Its path below the folder that was picked, or its name. */
const nameOf = ({ webkitRelativePath: path, name }: File): string =>
  path === '' ? name : path.slice(path.indexOf('/') + 1)

/** Bytes of a blob; fewer where it ends. */
export async function readPart(
  blob: Blob,
  name: string,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const part = blob.slice(offset, offset + length)
  try {
    return new Uint8Array(await part.arrayBuffer())
  } catch (error) {
    throw new WeightsError(
      `${name}: cannot be read (${(error as Error).name}); was it changed or moved? Open the model again.`,
    )
  }
}
