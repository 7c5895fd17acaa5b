// Downloads are kept in the file system that a browser gives each origin (OPFS), from where parts of them can be read without
// having the rest in memory. Clearing the site's data clears them.

/** A download. */
export interface Download {
  readonly address: URL
  /** What the server says of its state; null if it says nothing that tells two states apart. */
  readonly version: string | null
  /** Bytes. */
  readonly size: number
}

/** What is kept of a download, or null. */
export async function findKept(download: Download): Promise<Blob | null> {
  const place = await placeOf(download)
  const handle = await place?.folder.getFileHandle(place.name).catch(() => null)
  const file = await handle?.getFile().catch(() => null)
  return file?.size === download.size ? file : null
}

/**
 * The body of a download as a file that is kept, complete or not at all; an older state is removed. Where a browser keeps
 * nothing, or has no room for it, it is a blob that goes with the page.
 */
export async function keep(
  download: Download,
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  signal: AbortSignal | undefined,
): Promise<Blob> {
  const place = (await hasRoom(download.size)) ? await placeOf(download) : null
  if (place === null) return new Response(body).blob()
  const { folder, name } = place
  const handle = await folder.getFileHandle(name, { create: true })
  try {
    // What is written appears when it is closed.
    await body.pipeTo(await handle.createWritable(), signal === undefined ? {} : { signal })
  } catch (error) {
    await folder.removeEntry(name).catch(() => {})
    throw error
  }
  await removeOthers(folder, name)
  return handle.getFile()
}

interface Place {
  /** Of all states of what an address gives. */
  readonly folder: FileSystemDirectoryHandle
  readonly name: string
}

/** null where nothing can be kept: without HTTPS, in some private windows and older browsers. */
async function placeOf({ address, version }: Download): Promise<Place | null> {
  if (version === null || !isSupported()) return null
  try {
    const root = await navigator.storage.getDirectory()
    const models = await root.getDirectoryHandle('vicrop', { create: true })
    // Of an address that is signed, what it is signed with changes.
    const folderName = await hashOf(address.origin + address.pathname)
    return {
      folder: await models.getDirectoryHandle(folderName, { create: true }),
      name: await hashOf(version),
    }
  } catch {
    return null
  }
}

const isSupported = (): boolean =>
  globalThis.isSecureContext &&
  'getDirectory' in navigator.storage &&
  'createWritable' in FileSystemFileHandle.prototype

async function hasRoom(bytes: number): Promise<boolean> {
  if (!isSupported()) return false
  const { quota = 0, usage = 0 } = await navigator.storage.estimate()
  return bytes < quota - usage
}

async function hashOf(text: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(hash), byte => byte.toString(16).padStart(2, '0')).join('')
}

async function removeOthers(folder: FileSystemDirectoryHandle, name: string): Promise<void> {
  for await (const other of folder.keys()) {
    // In use by another page: it goes the next time.
    if (other !== name) await folder.removeEntry(other).catch(() => {})
  }
}
