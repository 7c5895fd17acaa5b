import { decodeImage } from './image/decode-node.ts'
import { InputError } from './input-error.ts'
import type { Picture } from './picture.ts'
import type { ViCrop } from './vicrop.ts'

/** How many pictures are kept. Each has a cache of its own: for LLaVA-1.5-7B one megabyte a token. */
const keptPictures = 3

/** The pictures that a model saw last, by the bytes of their files. What is asked of one of them next costs no encoding. */
export class SeenPictures {
  readonly #vicrop: ViCrop
  readonly #pictures = new Map<string, Promise<Picture>>()

  constructor(vicrop: ViCrop) {
    this.#vicrop = vicrop
  }

  /**
   * The picture of a file, encoded unless it is one of the last. What was begun goes on when the signal fires, as others
   * may wait for it.
   *
   * @throws InputError for a file that is no picture, or a picture that the model does not take
   */
  async see(file: Uint8Array, signal?: AbortSignal): Promise<Picture> {
    const key = await hashOf(file)
    signal?.throwIfAborted()
    const known = this.#pictures.get(key)
    const picture = known ?? this.#encode(key, file)
    this.#pictures.delete(key)
    this.#pictures.set(key, picture)
    for (const [old, forgotten] of [...this.#pictures].slice(0, -keptPictures)) this.#forget(old, forgotten)
    return unlessAborted(picture, signal)
  }

  /** Forgets all of them. */
  release(): void {
    for (const [key, picture] of this.#pictures) this.#forget(key, picture)
  }

  #encode(key: string, file: Uint8Array): Promise<Picture> {
    const picture = decodeImage(file)
      .catch((cause: Error) => {
        throw new InputError(cause.message, { cause })
      })
      .then(image => this.#vicrop.see(image))
    picture.catch(() => this.#pictures.delete(key))
    return picture
  }

  #forget(key: string, picture: Promise<Picture>): void {
    this.#pictures.delete(key)
    void picture.then(
      seen => seen.release(),
      () => {},
    )
  }
}

async function hashOf(file: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', file as Uint8Array<ArrayBuffer>)
  return new Uint8Array(digest).toString()
}

/** What others wait for too: the signal ends the waiting alone. */
export function unlessAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
