import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { WeightsError } from './error.ts'
import { systemCode } from './file-node.ts'

/** An unfinished file that nobody has written to for so long is nobody's, whatever machine it came from. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000

/** Name, machine, process, random: says whose an unfinished file is. */
const UNFINISHED = /\.(?<machine>[\w-]*)\.(?<process>\d+)\.[0-9a-f]{8}\.tmp$/

/** Where vicrop keeps what it has derived: `VICROP_CACHE`, or `vicrop` in the user's cache folder. */
export function defaultCacheFolder(): string {
  const { VICROP_CACHE, XDG_CACHE_HOME } = process.env
  return VICROP_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'vicrop')
}

/**
 * Writes a file of `size` bytes that appears under `path` complete or not at all. Several processes may write the same
 * path: each writes its own, the last one stays. Whatever goes wrong, the unfinished file is removed; one that a killed
 * process has left is removed by the next call in the same folder.
 *
 * @param write given the open file and the path that it has meanwhile
 * @throws WeightsError when the folder cannot be written or lacks the space; what `write` throws, as it is
 */
export async function writeComplete(
  path: string,
  size: number,
  write: (handle: FileHandle, unfinished: string) => Promise<void>,
): Promise<void> {
  const folder = dirname(path)
  const unfinished = unfinishedName(path)
  try {
    await mkdir(folder, { recursive: true })
    await removeAbandoned(folder)
    await requireSpace(folder, size)
    await writeDurably(unfinished, handle => write(handle, unfinished))
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {})
    throw isSystemError(error) ? unwritable(folder, systemCode(error)) : error
  }
}

/** A folder beside a file that is being written, for what is needed meanwhile; it goes when `work` is done. */
export async function withScratch<T>(path: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = unfinishedName(`${path}.scratch`)
  await mkdir(folder)
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const unfinishedName = (path: string): string =>
  `${path}.${machineName()}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`

async function writeDurably(path: string, write: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(path, 'wx')
  try {
    await write(handle)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Writes all of `bytes` at a place of the file, or where it was written last. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, place?: number): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const left = bytes.length - written
    const at = place === undefined ? undefined : place + written
    written += (await handle.write(bytes, written, left, at)).bytesWritten
  }
}

async function requireSpace(folder: string, size: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= size) return
  const problem = `needs ${Math.ceil(size / 1e6)} MB but has ${Math.floor((bavail * bsize) / 1e6)} MB left`
  throw new WeightsError(`${folder}: ${problem}; free some space, or name another folder by VICROP_CACHE.`)
}

const unwritable = (folder: string, code: string): WeightsError =>
  code === 'ENOSPC' || code === 'EDQUOT'
    ? new WeightsError(
        `${folder}: no space left (${code}); free some, or name another folder by VICROP_CACHE.`,
      )
    : new WeightsError(`${folder}: cannot be written (${code}); name another folder by VICROP_CACHE.`)

const isSystemError = (error: unknown): boolean => error instanceof Error && 'syscall' in error

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    if (UNFINISHED.test(name) && (await isAbandoned(path))) await rm(path, { recursive: true, force: true })
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const owner = UNFINISHED.exec(basename(path))?.groups
  if (owner?.machine === machineName() && !isRunning(Number(owner.process))) return true
  const entry = await stat(path).catch(() => null)
  return entry !== null && Date.now() - entry.mtimeMs > ABANDONED_AFTER_MS
}

/** The machine's name in characters that a file's name may have. */
export const machineName = (): string => hostname().replaceAll(/[^\w-]/g, '-')

/** Whether a process of this machine runs. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) !== 'ESRCH' // EPERM: it runs, as somebody else's
  }
}
