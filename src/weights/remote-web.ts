import { missingFile, parseJson } from './checkpoint.ts'
import { WeightsError } from './error.ts'
import { type BringOptions, readPart, type WebFiles } from './files-web.ts'
import { parseListing } from './hub/listing.ts'
import { formatModelId, type ModelId } from './hub/model-id.ts'
import { type Download, findKept, keep } from './kept-web.ts'
import { ask, cut, readRange, readText, sizeOf, versionOf } from './request-web.ts'
import { type ByteSource, readSafetensors } from './safetensors.ts'

/** Headers of most files of weights are smaller, so that one request reads them. */
const FIRST_BYTES = 128 * 1024

const HUB = 'https://huggingface.co'

/** The files of a checkpoint in a folder on the web. */
export function openAddress(folder: URL, signal: AbortSignal | undefined): WebFiles {
  return remoteFiles({ name: folder.href, addressOf: name => below(folder, name), listed: null, signal })
}

/** The files of a model of the hub, at the commit that its revision stands for now. */
export async function openHub(model: ModelId, signal: AbortSignal | undefined): Promise<WebFiles> {
  const name = formatModelId(model)
  const address = new URL(`${HUB}/api/models/${model.id}/revision/${encodeURIComponent(model.revision)}`)
  const response = await ask(address, signal)
  if (response === null)
    throw new WeightsError(`${name}: there is no such model on ${HUB}; check the spelling.`)
  const text = await readText(response, `the files of ${name}`)
  const { sha, siblings } = parseListing(text, HUB, 'try again later')
  const folder = new URL(`${HUB}/${model.id}/resolve/${sha}/`)
  const listed = new Set(siblings.map(file => file.rfilename))
  return remoteFiles({ name, addressOf: path => below(folder, path), listed, signal })
}

/** Whatever the folder's address has behind its path, a signature perhaps, its files' addresses have too. */
function below(folder: URL, name: string): URL {
  const address = new URL(folder)
  const path = name.split('/').map(encodeURIComponent).join('/')
  address.pathname = `${folder.pathname.replace(/\/$/, '')}/${path}`
  return address
}

interface Remote {
  /** As errors name it. */
  readonly name: string
  readonly addressOf: (name: string) => URL
  /** All files that there are; null: that is found out by asking for them. */
  readonly listed: ReadonlySet<string> | null
  readonly signal: AbortSignal | undefined
}

function remoteFiles({ name: folder, addressOf, listed, signal }: Remote): WebFiles {
  const texts = remembering(async name => {
    const response = await ask(addressOf(name), signal)
    return response && readText(response, name)
  })
  const inspect = remembering(name => inspectFile(name, addressOf(name), signal))
  const isWeights = (name: string): boolean => name.endsWith('.safetensors')
  const found = async <T>(file: Promise<T | null>, name: string): Promise<T> => {
    const there = await file
    if (there === null) throw missingFile(folder, name)
    return there
  }
  return {
    folder,
    readText: name => found(texts(name), name),
    readJson: async name => parseJson(await found(texts(name), name), name),
    has: async name => {
      if (listed !== null) return listed.has(name)
      return (await (isWeights(name) ? inspect(name) : texts(name))) !== null
    },
    readTensors: async name => readSafetensors(await found(inspect(name), name)),
    bring: async (names, options) => {
      const files = await Promise.all(names.map(name => found(inspect(name), name)))
      return bringFiles(files, options)
    },
  }
}

/** Asks for each name once. */
function remembering<T>(ask: (name: string) => Promise<T>): (name: string) => Promise<T> {
  const asked = new Map<string, Promise<T>>()
  return name => {
    const answer = asked.get(name) ?? ask(name)
    asked.set(name, answer)
    return answer
  }
}

interface RemoteFile extends ByteSource, Download {
  /** Its beginning, with the header or some of it. */
  readonly first: Uint8Array
  /** All of it, where no part could be had alone. */
  readonly whole: Blob | null
}

/** What there is to know of a file before all of it is downloaded. */
async function inspectFile(
  file: string,
  address: URL,
  signal: AbortSignal | undefined,
): Promise<RemoteFile | null> {
  // Browsers take no part of a file that is compressed.
  const response = await ask(address, signal, { from: 0, length: FIRST_BYTES }).catch(() => undefined)
  if (response === null) return null
  const size = response === undefined ? null : sizeOf(response)
  if (response === undefined || size === null) return readWhole(file, address, response, signal)
  const version = versionOf(response)
  const first = await readRange(response, file, 0, Math.min(FIRST_BYTES, size))
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    if (offset + length <= first.length) return first.slice(offset, offset + length)
    const answer = await ask(address, signal, { from: offset, length })
    return answer === null ? new Uint8Array() : readRange(answer, file, offset, length)
  }
  return { file, address, size, version, first, read, whole: null }
}

/** A file that its server compresses, or whose size it does not tell, which is known once it is there. */
async function readWhole(
  file: string,
  address: URL,
  response: Response | undefined,
  signal: AbortSignal | undefined,
): Promise<RemoteFile | null> {
  const isPart = response?.status === 206
  if (isPart) await response.body?.cancel().catch(() => {})
  const answer = response === undefined || isPart ? await ask(address, signal) : response
  if (answer === null) return null
  const whole = await answer.blob().catch(error => {
    throw cut(file, error)
  })
  const read = (offset: number, length: number): Promise<Uint8Array> => readPart(whole, file, offset, length)
  return { file, address, size: whole.size, version: null, first: new Uint8Array(), read, whole }
}

/** Downloads what is not kept from an earlier time. */
async function bringFiles(
  files: readonly RemoteFile[],
  { onProgress, signal }: BringOptions,
): Promise<ReadonlyMap<string, Blob>> {
  const totalBytes = files.reduce((sum, { size }) => sum + size, 0)
  let doneBytes = 0
  const brought = new Map<string, Blob>()
  for (const file of files) {
    const kept = file.whole ?? (await findKept(file))
    signal?.throwIfAborted()
    const isKept = kept !== null && (await isOf(file, kept))
    if (isKept) doneBytes += kept.size
    const onBytes = (bytes: number): void => {
      doneBytes += bytes
      onProgress?.({ doneBytes, totalBytes })
    }
    brought.set(file.file, isKept ? kept : await download(file, onBytes, signal))
  }
  return brought
}

async function download(
  file: RemoteFile,
  onBytes: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<Blob> {
  const body = (await ask(file.address, signal))?.body ?? new Blob().stream()
  let received = 0
  const counting = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(part, controller) {
      received += part.length
      if (received > file.size) throw changedMeanwhile(file)
      onBytes(part.length)
      controller.enqueue(part)
    },
  })
  const blob = await keep(file, body.pipeThrough(counting), signal).catch(error => {
    throw cut(file.file, error)
  })
  if (await isOf(file, blob)) return blob
  throw changedMeanwhile(file)
}

const changedMeanwhile = ({ file }: RemoteFile): WeightsError =>
  new WeightsError(`${file}: was changed while it was read; open the model again.`)

/** Whether a blob is the file that was inspected, by its size and its beginning. */
async function isOf({ file, size, first }: RemoteFile, blob: Blob): Promise<boolean> {
  if (blob.size !== size) return false
  const found = await readPart(blob, file, 0, first.length).catch(() => null)
  return found?.every((byte, i) => byte === first[i]) ?? false
}
