import { readdir, readFile, realpath } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { modelFolder, readRef, sizeAt, snapshotFolder } from './cache.ts'
import { CONFIG } from './files.ts'
import { isCommit } from './model-id.ts'
import { missingInFolder } from './resolve.ts'

/** A snapshot of a model in the cache. */
export interface CachedModel {
  /** "org/name" */
  readonly id: string
  readonly commit: string
  /** Branches and tags that stand for it. */
  readonly revisions: readonly string[]
  readonly folder: string
  /** What its files take on disk; snapshots of one model may share some of them. */
  readonly bytes: number
  /** Files that a model needs and this one lacks. */
  readonly missing: readonly string[]
  /** `config.json`, not yet checked; null where there is none that can be read. */
  readonly config: unknown
}

/** The snapshots of all models in the cache, in the order of their ids. */
export async function listCache(cache: string): Promise<CachedModel[]> {
  const models: CachedModel[] = []
  for (const folder of await readdir(cache).catch(() => [])) {
    const [, org, name] = /^models--(.+?)--(.+)$/.exec(folder) ?? []
    if (org !== undefined && name !== undefined) models.push(...(await snapshotsOf(cache, `${org}/${name}`)))
  }
  return models.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
}

async function snapshotsOf(cache: string, id: string): Promise<CachedModel[]> {
  const model = modelFolder(cache, id)
  const refs = await refsOf(model)
  const commits = (await readdir(join(model, 'snapshots')).catch(() => [])).filter(isCommit)
  return Promise.all(
    commits.map(async commit => {
      const folder = snapshotFolder(model, commit)
      const revisions = [...refs].filter(([, target]) => target === commit).map(([name]) => name)
      const missing = await missingInFolder(folder).catch(() => ['model.safetensors.index.json'])
      const [bytes, config] = [await bytesOf(folder), await readConfig(folder)]
      return { id, commit, revisions, folder, bytes, missing, config }
    }),
  )
}

/** Branches and tags by name, with their commits. */
async function refsOf(model: string): Promise<Map<string, string>> {
  const folder = join(model, 'refs')
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const found = new Map<string, string>()
  for (const entry of entries.filter(each => each.isFile())) {
    const name = relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/')
    const commit = await readRef(model, name).catch(() => null)
    if (commit !== null) found.set(name, commit)
  }
  return found
}

async function bytesOf(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true })
  const paths = await Promise.all(names.map(name => realpath(join(folder, name)).catch(() => null)))
  const sizes = await Promise.all([...new Set(paths)].map(path => (path === null ? 0 : sizeAt(path))))
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
}

async function readConfig(folder: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(folder, CONFIG), 'utf8'))
  } catch {
    return null
  }
}
