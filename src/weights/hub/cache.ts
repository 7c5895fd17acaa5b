import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, readlink, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { quote, WeightsError } from '../error.ts'
import { systemCode } from '../file-node.ts'
import { isCommit, type ModelId } from './model-id.ts'

// The cache of the Python tools. A model is a folder: contents under their hashes in `blobs`, a folder of links to them
// for each commit in `snapshots`, the commit of each branch in `refs`.
// Layout: https://huggingface.co/docs/huggingface_hub/guides/manage-cache

export const modelFolder = (cache: string, id: string): string =>
  join(cache, `models--${id.replace('/', '--')}`)

export const blobPath = (model: string, etag: string): string => join(model, 'blobs', etag)

export const snapshotFolder = (model: string, commit: string): string => join(model, 'snapshots', commit)

/** The snapshot that a revision stands for in the cache, be it complete or not; null when there is none. */
export async function findSnapshot(cache: string, { id, revision }: ModelId): Promise<string | null> {
  const model = modelFolder(cache, id)
  const commit = isCommit(revision) ? revision : await readRef(model, revision)
  if (commit === null) return null
  const folder = snapshotFolder(model, commit)
  return (await stat(folder).catch(() => null))?.isDirectory() ? folder : null
}

/** The commit of a branch or tag; null when the cache does not know it. */
export async function readRef(model: string, revision: string): Promise<string | null> {
  const text = await readFile(join(model, 'refs', ...revision.split('/')), 'utf8').catch(() => null)
  if (text === null) return null
  const commit = text.trim()
  if (isCommit(commit)) return commit
  throw new WeightsError(
    `${model}: the reference ${revision} holds ${quote(commit)}, not a commit; remove that file.`,
  )
}

/** Notes the commit of a branch or tag; a commit needs no note. */
export async function writeRef(model: string, revision: string, commit: string): Promise<void> {
  if (isCommit(revision) || (await readRef(model, revision).catch(() => null)) === commit) return
  const path = join(model, 'refs', ...revision.split('/'))
  await mkdir(dirname(path), { recursive: true })
  await writeFileAtomic(path, commit)
}

/** Puts a link to a blob at `path`, in place of whatever lies there. */
export async function linkBlob(path: string, blob: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const target = relative(dirname(path), blob)
  if ((await readlink(path).catch(() => null)) === target) return
  const made = `${path}.${randomBytes(4).toString('hex')}.tmp`
  // Windows lets few users make symbolic links, but every one hard ones.
  await symlink(target, made).catch(error => {
    if (systemCode(error) !== 'EPERM') throw error
    return link(blob, made)
  })
  await rename(made, path).catch(async error => {
    await rm(made, { force: true })
    throw error
  })
}

/** The size of a file, links followed, or null when there is none. */
export const sizeAt = async (path: string): Promise<number | null> => {
  const found = await stat(path).catch(() => null)
  return found?.isFile() ? found.size : null
}

/** What the system says of a cache that cannot be written, as a message. */
export const unwritable = (cache: string, error: unknown): WeightsError => {
  const code = systemCode(error)
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  const problem = isFull ? `no space left (${code}); free some` : `cannot be written (${code}); allow it`
  return new WeightsError(`${cache}: ${problem}, or name another folder by HF_HUB_CACHE.`)
}
