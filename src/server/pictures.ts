import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import sharp from 'sharp'
import { decodeImage } from '../image/decode-node.ts'
import type { Image } from '../image/image.ts'
import type { Method } from '../importance/method.ts'
import type { Picture } from '../picture.ts'
import { badRequest } from './errors.ts'

export interface PictureLimits {
  /** How many pictures are kept, and how many bytes of them. */
  readonly maxPictures: number
  readonly maxBytes: number
  /** Pixels of one picture. */
  readonly maxPixels: number
}

/** What can see: a `ViCrop`. */
export interface Seeing {
  see(image: Image, options: { readonly method?: Method }): Promise<Picture>
}

/** A picture, and whether it was kept. */
export interface Seen {
  readonly picture: Picture
  readonly wasKept: boolean
}

/** A picture that is in use, or kept, or both. */
interface Entry {
  readonly picture: Promise<Picture>
  users: number
  kept: boolean
}

/**
 * Encoded pictures by the hash of their files, the last used ones kept. What is dropped while somebody asks about it is
 * released after the last question.
 */
export class Pictures {
  readonly #vicrop: Seeing
  readonly #maxPixels: number
  /** In boxes, as the cache weighs anew only what it has not seen yet. */
  readonly #kept: LRUCache<string, { readonly entry: Entry; readonly bytes: number }>
  /** How often a picture was wanted, and how often it was there. */
  readonly found = { kept: 0, encoded: 0 }

  constructor(vicrop: Seeing, { maxPictures, maxBytes, maxPixels }: PictureLimits) {
    this.#vicrop = vicrop
    this.#maxPixels = maxPixels
    this.#kept = new LRUCache({
      max: maxPictures,
      maxSize: maxBytes,
      sizeCalculation: ({ bytes }) => bytes,
      noDisposeOnSet: true,
      dispose: ({ entry }) => {
        entry.kept = false
        releaseUnused(entry)
      },
    })
  }

  get count(): number {
    return this.#kept.size
  }

  get bytes(): number {
    return this.#kept.calculatedSize
  }

  /**
   * Works with the picture of a file, which is encoded unless it is kept. Encoding is not stopped halfway: what was begun
   * serves the next question.
   *
   * @param method what it will be asked with
   * @param work also told whether the picture was kept
   * @throws ApiError 400 for a file that is no picture, or one of too many pixels
   */
  async use<T>(
    file: Uint8Array,
    method: Method,
    work: (picture: Picture, wasKept: boolean) => Promise<T>,
  ): Promise<T> {
    const key = createHash('sha256').update(file).digest('hex')
    const known = this.#kept.get(key)?.entry
    this.found[known === undefined ? 'encoded' : 'kept']++
    const entry = known ?? { picture: this.#see(file, method), users: 0, kept: true }
    if (known === undefined) this.#keep(key, entry, file.byteLength)
    entry.users++
    try {
      return await work(await entry.picture, known !== undefined)
    } finally {
      entry.users--
      await this.#settle(key, entry)
    }
  }

  /** The same with several, in their order. Once the signal fires, no more of them are encoded. */
  async useAll<T>(
    [file, ...files]: readonly Uint8Array[],
    how: { readonly method: Method; readonly signal: AbortSignal | undefined },
    work: (seen: readonly Seen[]) => Promise<T>,
  ): Promise<T> {
    how.signal?.throwIfAborted()
    if (file === undefined) return work([])
    return this.use(file, how.method, (picture, wasKept) =>
      this.useAll(files, how, others => work([{ picture, wasKept }, ...others])),
    )
  }

  async #see(file: Uint8Array, method: Method): Promise<Picture> {
    await checkPixels(file, this.#maxPixels)
    const image = await decodeImage(file).catch((cause: Error) => {
      throw badRequest(cause.message, 'image', 'invalid_image')
    })
    return this.#vicrop.see(image, { method })
  }

  #keep(key: string, entry: Entry, bytes: number): void {
    this.#kept.set(key, { entry, bytes: Math.max(1, bytes) })
  }

  /** After a question a picture is larger than it was; one that could not be seen is none to keep. */
  async #settle(key: string, entry: Entry): Promise<void> {
    const picture = await entry.picture.catch(() => null)
    if (!entry.kept) releaseUnused(entry)
    else if (picture === null) this.#kept.delete(key)
    else this.#keep(key, entry, picture.bytes)
  }
}

function releaseUnused({ picture, users, kept }: Entry): void {
  if (users > 0 || kept) return
  void picture.then(
    seen => seen.release(),
    () => {},
  )
}

/** Reads the header alone. A file without one is left to the decoder, which says what is wrong with it. */
async function checkPixels(file: Uint8Array, maxPixels: number): Promise<void> {
  if (file.byteLength === 0) return
  const header = await sharp(file, { limitInputPixels: false })
    .metadata()
    .catch(() => null)
  if (header === null || header.width * header.height <= maxPixels) return
  throw badRequest(
    `image: ${header.width}x${header.height} pixels, at most ${maxPixels} are taken. Scale it down or cut it.`,
    'image',
    'image_too_large',
  )
}
