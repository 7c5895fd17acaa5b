import type { Method } from '../importance/method.ts'
import type { OpenOptions } from '../load-node.ts'
import type { Picture } from '../picture.ts'
import { Pictures } from '../server/pictures.ts'
import { unlessAborted } from '../server/work.ts'
import { ViCrop } from '../vicrop.ts'

/** What is kept of the pictures that a model saw last: a conversation is about few, and comes with them at every turn. */
const kept = { maxPictures: 8, maxBytes: 2 ** 31, maxPixels: 178_956_970 }

interface Opened {
  readonly vicrop: ViCrop
  readonly pictures: Pictures
}

/** What is to be worked with. */
export interface Wanted {
  readonly modelId: string
  /** Of pictures. */
  readonly files: readonly Uint8Array[]
  /** What the pictures will be asked with. */
  readonly method: Method | undefined
  readonly signal: AbortSignal | undefined
}

/** Models by id, each opened once, when it is first needed. */
export class Models {
  readonly #options: OpenOptions
  readonly #opened = new Map<string, Promise<Opened>>()

  constructor(options: OpenOptions) {
    this.#options = options
  }

  /** Works with pictures that a model has seen. What others may wait for goes on when the signal fires. */
  async use<T>(
    { modelId, files, method = 'rel-att', signal }: Wanted,
    work: (pictures: readonly Picture[]) => Promise<T>,
  ): Promise<T> {
    const job = this.#open(modelId).then(({ pictures }) =>
      pictures.useAll(files, { method, signal }, seen => work(seen.map(({ picture }) => picture))),
    )
    return signal === undefined ? job : unlessAborted(job, signal)
  }

  /** Closes all of them once they have done what they are at; what is asked later opens them again. */
  async release(): Promise<void> {
    const all = [...this.#opened.values()]
    this.#opened.clear()
    for (const opened of await Promise.allSettled(all))
      if (opened.status === 'fulfilled') await opened.value.vicrop.release()
  }

  #open(modelId: string): Promise<Opened> {
    const known = this.#opened.get(modelId)
    if (known !== undefined) return known
    const opened = ViCrop.open(modelId === 'demo' ? undefined : modelId, this.#options).then(vicrop => ({
      vicrop,
      pictures: new Pictures(vicrop, kept),
    }))
    this.#opened.set(modelId, opened)
    // What was missing may be there at the next call.
    opened.catch(() => this.#opened.delete(modelId))
    return opened
  }
}
