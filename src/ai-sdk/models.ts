import type { OpenOptions } from '../load-node.ts'
import type { Picture } from '../picture.ts'
import { SeenPictures, unlessAborted } from '../seen-pictures.ts'
import { ViCrop } from '../vicrop.ts'

interface Opened {
  readonly vicrop: ViCrop
  readonly pictures: SeenPictures
}

/** Models by id, each opened once, when it is first needed. */
export class Models {
  readonly #options: OpenOptions
  readonly #opened = new Map<string, Promise<Opened>>()

  constructor(options: OpenOptions) {
    this.#options = options
  }

  /** @throws an error of the library: the model cannot be opened, or the picture cannot be seen */
  async see(modelId: string, file: Uint8Array, signal?: AbortSignal): Promise<Picture> {
    const { pictures } = await unlessAborted(this.#open(modelId), signal)
    return pictures.see(file, signal)
  }

  /** Closes all of them once they have done what they are at; what is asked later opens them again. */
  async release(): Promise<void> {
    const all = [...this.#opened.values()]
    this.#opened.clear()
    for (const opened of await Promise.allSettled(all)) {
      if (opened.status === 'rejected') continue
      opened.value.pictures.release()
      await opened.value.vicrop.release()
    }
  }

  #open(modelId: string): Promise<Opened> {
    const known = this.#opened.get(modelId)
    if (known !== undefined) return known
    const opened = ViCrop.open(modelId === 'demo' ? undefined : modelId, this.#options).then(vicrop => ({
      vicrop,
      pictures: new SeenPictures(vicrop),
    }))
    this.#opened.set(modelId, opened)
    // The next call tries again: what was missing may be there by then.
    opened.catch(() => this.#opened.delete(modelId))
    return opened
  }
}
