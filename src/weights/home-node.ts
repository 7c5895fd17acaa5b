import { lstat, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path'
import { isPlainFileName } from './checkpoint.ts'
import { quote, WeightsError } from './error.ts'
import { systemCode, unreadable } from './file-node.ts'

/** Where a checkpoint lies, links resolved. */
export interface Home {
  /** As it was given, for messages. */
  readonly given: string
  readonly folder: string
  /**
   * In the Hugging Face cache, where `folder` is MODEL/snapshots/COMMIT and its files link to MODEL/blobs, or by way of
   * those to the cache's own `blobs`.
   */
  readonly hubModel: string | null
}

/** @throws WeightsError when it is not a folder */
export async function homeOf(given: string): Promise<Home> {
  const folder = await realpath(given).catch(error => {
    if (systemCode(error) === 'ENOENT')
      throw new WeightsError(`${given}: no such folder; give that of a checkpoint.`)
    throw unreadable(given, error)
  })
  if (!(await stat(folder)).isDirectory()) {
    throw new WeightsError(`${given}: is a file; give the checkpoint's folder.`)
  }
  const isSnapshot = basename(dirname(folder)) === 'snapshots'
  return { given, folder, hubModel: isSnapshot ? dirname(dirname(folder)) : null }
}

/**
 * The real path of a file of the checkpoint, "name" or "folder/name", or null when there is none. Refuses links out of
 * the model's folder.
 */
export async function locate(home: Home, name: string): Promise<string | null> {
  if (!name.split('/').every(isPlainFileName))
    throw new WeightsError(`${quote(name)}: is not the name of a file in ${home.given}.`)
  const path = join(home.folder, name)
  const target = await realpath(path).catch(error => missingOrUnreadable(path, name, error))
  if (target === null) return null
  if (!isAllowed(home, target)) {
    const problem = `is a link to ${target}, outside of ${home.given}`
    throw new WeightsError(
      `${name}: ${problem}; put the file itself into the folder, or open the folder it lies in.`,
    )
  }
  if (!(await stat(target)).isFile())
    throw new WeightsError(`${name}: is not a file; put the checkpoint's there.`)
  return target
}

async function missingOrUnreadable(path: string, name: string, error: unknown): Promise<null> {
  if (systemCode(error) !== 'ENOENT') throw unreadable(name, error)
  const isLink = await lstat(path).then(
    entry => entry.isSymbolicLink(),
    () => false,
  )
  if (isLink)
    throw new WeightsError(`${name}: is a link to a file that is not there; download the checkpoint again.`)
  return null
}

const isAllowed = ({ folder, hubModel }: Home, path: string): boolean =>
  isInside(folder, path) ||
  (hubModel !== null && (isInside(join(hubModel, 'blobs'), path) || isShared(dirname(hubModel), path)))

/** A content of several models, which newer Python tools keep once: the cache's own blobs/ab/HASH. */
const isShared = (cache: string, path: string): boolean =>
  isInside(join(cache, 'blobs'), path) &&
  /^blobs[\\/][0-9a-f]{2}[\\/][0-9a-f]{64}$/.test(relative(cache, path))

/** Whether a path lies below a folder; both absolute, links resolved. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
