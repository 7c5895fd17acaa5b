import { createHash, type Hash } from 'node:crypto'
import { constants, type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { WeightsError } from '../error.ts'
import { readAt } from '../file-node.ts'
import type { RemoteFile } from './api.ts'
import { sizeAt } from './cache.ts'
import { type Answer, afterFailure, ask, Interrupted } from './http.ts'
import type { ModelId } from './model-id.ts'
import { claimPartial, releasePartial, take, waitForOthers } from './partial.ts'
import type { Hub } from './settings.ts'

const CHUNK_BYTES = 4 * 1024 * 1024

export interface Download {
  readonly hub: Hub
  readonly model: ModelId
  readonly file: RemoteFile
  /** Called with the bytes of the file that are here. */
  readonly onProgress: (doneBytes: number) => void
  readonly signal?: AbortSignal | undefined
}

/**
 * Brings a file to `blob`, where it appears complete and verified or not at all. What has come before is kept and gone
 * on with, in this call after a cut, in a later one after anything else, be it the end of the process.
 *
 * @throws WeightsError in one sentence, what the system says of the disk, the signal's reason
 */
export async function downloadBlob(blob: string, download: Download): Promise<void> {
  const { file, onProgress, signal } = download
  const isThere = async (): Promise<boolean> => (await sizeAt(blob)) === file.size
  await mkdir(dirname(blob), { recursive: true })
  while (!(await isThere())) {
    await waitForOthers(blob, onProgress, signal)
    if ((await isThere()) || (await downloadAlone(blob, download))) break
  }
  onProgress(file.size)
}

/** Whether it was done; not, when another process has taken the file away. */
async function downloadAlone(blob: string, download: Download): Promise<boolean> {
  const partial = await claimPartial(blob)
  try {
    await fill(partial, download)
    return await take(partial, blob)
  } catch (error) {
    await releasePartial(partial, blob).catch(() => {})
    throw error
  }
}

async function fill(partial: string, download: Download): Promise<void> {
  const { file, model } = download
  const handle = await open(partial, constants.O_RDWR | constants.O_CREAT, 0o644)
  try {
    const { isResumed, isRight } = await fetchInto(handle, download)
    // What was left by a machine that lost power may have holes.
    if (!isRight && isResumed) await handle.truncate(0)
    if (isRight || (isResumed && (await fetchInto(handle, download)).isRight)) return await handle.sync()
    await handle.truncate(0)
  } finally {
    await handle.close()
  }
  await rm(partial, { force: true })
  throw new WeightsError(
    `${model.id}: ${file.path} came with another hash than the hub states and was thrown away; run again, or check HF_ENDPOINT.`,
  )
}

/** Fetches what a file still lacks; says whether all of it has the right hash. */
async function fetchInto(
  handle: FileHandle,
  { hub, model, file, onProgress, signal }: Download,
): Promise<{ isResumed: boolean; isRight: boolean }> {
  let hash = hashFor(file)
  let done = await readBack(handle, hash, file.size, signal)
  const isResumed = done > 0
  onProgress(done)
  for (let failures = 0; done < file.size; ) {
    const before = done
    try {
      const from = done > 0 ? { from: done } : {}
      const answer = await ask(hub, file.address, { model, what: file.path, signal, ...from })
      if (done > 0 && !(await continues(answer, done, file, model))) {
        hash = hashFor(file)
        done = 0
      }
      for await (const part of answer.body()) {
        if (done + part.length > file.size) throw tooLong(file, model)
        await writeAt(handle, part, done)
        hash.update(part)
        done += part.length
        onProgress(done)
      }
      if (done < file.size) throw cutOff(hub, file, done)
    } catch (error) {
      if (done > before) failures = 0
      failures++
      await afterFailure(error, failures, signal)
    }
  }
  return { isResumed, isRight: hash.isRight() }
}

interface FileHash {
  update(bytes: Uint8Array): void
  isRight(): boolean
}

/** The hash that an ETag of the hub is: sha256 of large files, git's own of small ones; a mirror's may be neither. */
function hashFor({ etag, size }: RemoteFile): FileHash {
  const hash: Hash | null = /^[0-9a-f]{64}$/.test(etag)
    ? createHash('sha256')
    : /^[0-9a-f]{40}$/.test(etag)
      ? createHash('sha1').update(`blob ${size}\0`)
      : null
  return {
    update: bytes => hash?.update(bytes),
    isRight: () => hash === null || hash.digest('hex') === etag,
  }
}

/** Hashes what has come before. Returns its length, 0 if it is more than the file has. */
async function readBack(
  handle: FileHandle,
  hash: FileHash,
  size: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const there = (await handle.stat()).size
  if (there > size) {
    await handle.truncate(0)
    return 0
  }
  const buffer = new Uint8Array(CHUNK_BYTES)
  let done = 0
  while (done < there) {
    signal?.throwIfAborted()
    const chunk = await readAt(handle, buffer.subarray(0, Math.min(CHUNK_BYTES, there - done)), done)
    if (chunk.length === 0) break
    hash.update(chunk)
    done += chunk.length
  }
  return done
}

/** Whether an answer goes on from where it was asked to; a server without ranges starts again. */
async function continues(answer: Answer, from: number, file: RemoteFile, model: ModelId): Promise<boolean> {
  if (answer.status === 200) return false
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.headers.get('content-range') ?? '')
  if (answer.status === 206 && Number(range?.[1]) === from && Number(range?.[2]) === file.size) return true
  await answer.discard()
  throw new WeightsError(
    `${model.id}: the hub sends another part of ${file.path} than was asked for; check HF_ENDPOINT.`,
  )
}

/** By position, so that even a writer that should not be there could write nothing but the same bytes. */
async function writeAt(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const rest = bytes.length - written
    written += (await handle.write(bytes, written, rest, position + written)).bytesWritten
  }
}

const tooLong = (file: RemoteFile, model: ModelId): WeightsError =>
  new WeightsError(
    `${model.id}: ${file.path} goes on after the ${file.size} bytes that the hub states; check HF_ENDPOINT.`,
  )

const cutOff = (hub: Hub, file: RemoteFile, done: number): Interrupted =>
  new Interrupted(
    `${hub.endpoint}: ${file.path} was cut off after ${done} of ${file.size} bytes; run again to go on from there.`,
  )
