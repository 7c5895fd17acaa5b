import { randomBytes } from 'node:crypto'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, machineName } from '../cache-node.ts'
import { systemCode } from '../file-node.ts'
import { sizeAt } from './cache.ts'

// What has come so far of a blob lies beside its place, in a file that one process alone writes:
// ETAG.MACHINE.PROCESS.RANDOM.incomplete, process 0 when its owner has given up. Whoever goes on with the work of another
// renames the file to a name of its own, which only one can do. So no lock is needed, on no file system; the Python tools
// write to names of their own as well.

const PARTIAL = /\.(?<machine>[\w-]*)\.(?<process>\d{1,10})\.[0-9a-f]{8}\.incomplete$/

/** One that has not grown for so long has no owner, whatever its name says: process numbers come again. */
const STALLED_AFTER_MS = 20_000
const LOOK_AGAIN_AFTER_MS = 250

const NOBODY = 0

interface Partial {
  readonly path: string
  readonly bytes: number
  /** Its owner may be at it. */
  readonly isOwned: boolean
}

/** Takes over what others have left of a blob, the largest of it, or names a file that does not exist yet. */
export async function claimPartial(blob: string): Promise<string> {
  const own = nameOf(blob, process.pid)
  let isTaken = false
  for (const { path } of (await partialsOf(blob)).filter(partial => !partial.isOwned)) {
    if (isTaken) await rm(path, { force: true })
    else isTaken = await take(path, own)
  }
  return own
}

/** Leaves a partial for the next who wants the blob. */
export async function releasePartial(own: string, blob: string): Promise<void> {
  if ((await sizeAt(own)) === 0) await rm(own, { force: true })
  else await take(own, nameOf(blob, NOBODY))
}

/** How many bytes of a blob somebody has left. */
export async function bytesLeft(blob: string): Promise<number> {
  return (await partialsOf(blob)).find(partial => !partial.isOwned)?.bytes ?? 0
}

/**
 * Waits as long as another process is at a blob and gets on with it.
 *
 * @param onProgress called with the bytes that have come to it
 */
export async function waitForOthers(
  blob: string,
  onProgress: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  let grewAt = Date.now()
  for (let before = -1; ; ) {
    const owned = (await partialsOf(blob)).filter(partial => partial.isOwned)
    if (owned.length === 0) return
    const bytes = Math.max(...owned.map(partial => partial.bytes))
    if (bytes !== before) grewAt = Date.now()
    before = bytes
    if (Date.now() - grewAt > STALLED_AFTER_MS) {
      for (const { path } of owned) await take(path, nameOf(blob, NOBODY))
      return
    }
    onProgress(bytes)
    await sleep(LOOK_AGAIN_AFTER_MS, undefined, signal ? { signal } : {}).catch(() =>
      signal?.throwIfAborted(),
    )
  }
}

const nameOf = (blob: string, owner: number): string =>
  `${blob}.${machineName()}.${owner}.${randomBytes(4).toString('hex')}.incomplete`

/** The largest first. */
async function partialsOf(blob: string): Promise<Partial[]> {
  const folder = dirname(blob)
  const names = (await readdir(folder)).filter(name => name.startsWith(`${basename(blob)}.`))
  const found: Partial[] = []
  for (const name of names) {
    const owner = PARTIAL.exec(name)?.groups
    const path = join(folder, name)
    const entry = owner && (await stat(path).catch(() => null))
    if (owner && entry) found.push({ path, bytes: entry.size, isOwned: isOwned(owner, entry.mtimeMs) })
  }
  return found.sort((a, b) => b.bytes - a.bytes)
}

function isOwned(owner: Readonly<Record<string, string>>, writtenAt: number): boolean {
  if (Number(owner.process) === NOBODY) return false
  if (owner.machine === machineName()) return isRunning(Number(owner.process))
  return Date.now() - writtenAt < STALLED_AFTER_MS
}

/** Renames a file; says whether it did, or somebody else had been faster. */
export async function take(path: string, own: string): Promise<boolean> {
  try {
    await rename(path, own)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}
