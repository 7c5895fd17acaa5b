import { mkdir, readFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { INDEX, MAX_TEXT_BYTES } from '../checkpoint.ts'
import { WeightsError } from '../error.ts'
import { inspectFile, openRepository, type RemoteFile, type Repository } from './api.ts'
import { blobPath, linkBlob, modelFolder, sizeAt, snapshotFolder, unwritable, writeRef } from './cache.ts'
import { downloadBlob } from './download.ts'
import { CONFIG, isText, shardsOf, weightsEntry } from './files.ts'
import type { ModelId } from './model-id.ts'
import { bytesLeft } from './partial.ts'
import type { Hub } from './settings.ts'

/** Connections at a time. */
const CONNECTIONS = 4

export interface PullOptions {
  /** Called while files are downloaded, with bytes of all of them together. */
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void
  /** Looks at `config.json` before anything else is downloaded, and throws if the rest is not wanted. */
  readonly accept?: (config: unknown) => void
  readonly signal?: AbortSignal
}

/**
 * Brings the files of a model that are needed into the cache, those that it lacks: settings, tokenizers, chat template
 * and weights as safetensors. The revision refers to the new snapshot when all of it is there.
 *
 * @returns the snapshot's folder
 * @throws WeightsError in one sentence that says what to do; the signal's reason when aborted
 */
export async function pull(hub: Hub, model: ModelId, options: PullOptions = {}): Promise<string> {
  const repository = await openRepository(hub, model, options.signal)
  try {
    return await pullFiles(hub, repository, options)
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unwritable(hub.cache, error) : error
  }
}

async function pullFiles(hub: Hub, repository: Repository, options: PullOptions): Promise<string> {
  const { model, commit, files } = repository
  const folder = modelFolder(hub.cache, model.id)
  const snapshot = snapshotFolder(folder, commit)
  const has = (name: string): boolean => files.has(name)
  const bring = (paths: readonly string[], onProgress?: PullOptions['onProgress']): Promise<void> =>
    bringFiles(hub, repository, paths, { ...options, onProgress })

  if (!has(CONFIG)) {
    throw new WeightsError(`${model.id}: has no ${CONFIG}, so it is no model to open; check the id.`)
  }
  const entry = weightsEntry(model.id, has)
  await bring(entry === INDEX ? [CONFIG, INDEX] : [CONFIG])
  options.accept?.(await readJson(model, snapshot, CONFIG))
  const weights = entry === INDEX ? shardsOf(model.id, await readJson(model, snapshot, INDEX), has) : [entry]
  await bring([...[...files].filter(isText), ...weights], options.onProgress)
  await writeRef(folder, model.revision, commit)
  return snapshot
}

interface BringOptions {
  readonly onProgress: PullOptions['onProgress'] | undefined
  readonly signal?: AbortSignal
}

/** Downloads files into blobs and links them into the snapshot, each as soon as it is there. */
async function bringFiles(
  hub: Hub,
  repository: Repository,
  paths: readonly string[],
  { onProgress, signal }: BringOptions,
): Promise<void> {
  const { model, commit } = repository
  const folder = modelFolder(hub.cache, model.id)
  const snapshot = snapshotFolder(folder, commit)
  const inspected = await each(paths, signal, (path, joint) => inspectFile(hub, repository, path, joint))
  requireTextSizes(model, inspected)
  const lacking: RemoteFile[] = []
  for (const file of inspected) {
    if ((await sizeAt(join(snapshot, file.path))) !== file.size) lacking.push(file)
  }
  if (lacking.length === 0) return

  await requireSpace(hub.cache, folder, lacking)
  const totalBytes = lacking.reduce((total, file) => total + file.size, 0)
  const done = new Map<RemoteFile, number>()
  await each(lacking, signal, async (file, joint) => {
    const advance = (bytes: number): void => {
      done.set(file, bytes)
      onProgress?.({ doneBytes: [...done.values()].reduce((sum, n) => sum + n, 0), totalBytes })
    }
    const blob = blobPath(folder, file.etag)
    await downloadBlob(blob, { hub, model, file, onProgress: advance, signal: joint })
    await linkBlob(join(snapshot, file.path), blob)
  })
}

function requireTextSizes(model: ModelId, files: readonly RemoteFile[]): void {
  const large = files.find(file => !file.path.endsWith('.safetensors') && file.size > MAX_TEXT_BYTES)
  if (large === undefined) return
  throw new WeightsError(
    `${model.id}: ${large.path} has ${large.size} bytes, more than the ${MAX_TEXT_BYTES} such a file may have.`,
  )
}

async function requireSpace(cache: string, folder: string, files: readonly RemoteFile[]): Promise<void> {
  await mkdir(join(folder, 'blobs'), { recursive: true })
  let bytes = 0
  for (const file of files) {
    const blob = blobPath(folder, file.etag)
    if ((await sizeAt(blob)) !== file.size) bytes += file.size - (await bytesLeft(blob))
  }
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= bytes) return
  const problem = `needs ${Math.ceil(bytes / 1e6)} MB but has ${Math.floor((bavail * bsize) / 1e6)} MB left`
  throw new WeightsError(`${cache}: ${problem}; free some space, or name another folder by HF_HUB_CACHE.`)
}

async function readJson(model: ModelId, snapshot: string, name: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(snapshot, name), 'utf8'))
  } catch {
    throw new WeightsError(`${model.id}: ${name} is not JSON; try another revision.`)
  }
}

/** Works on all items, a few at a time. The first failure ends the others, and is thrown when they have ended. */
async function each<T, R>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  work: (item: T, joint: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const failure = new AbortController()
  const abort = (): void => failure.abort(signal?.reason)
  signal?.throwIfAborted()
  signal?.addEventListener('abort', abort)
  const limit = pLimit(CONNECTIONS)
  const started = items.map(item =>
    limit(async () => {
      failure.signal.throwIfAborted()
      return work(item, failure.signal)
    }).catch(error => {
      failure.abort(error)
      throw error
    }),
  )
  await Promise.allSettled(started)
  signal?.removeEventListener('abort', abort)
  failure.signal.throwIfAborted()
  return Promise.all(started)
}
