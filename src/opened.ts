import type { Image } from './image/image.ts'
import { parseMethod } from './importance/method.ts'
import type { Mllm } from './mllm.ts'
import type { SeeOptions } from './options.ts'
import { Picture } from './picture.ts'

/**
 * A model that was opened, on whatever platform.
 *
 * @typeParam Source what a picture can be read from there
 */
export class Opened<Source extends object | string> {
  readonly #mllm: Mllm
  readonly #decode: (source: Source) => Promise<Image>

  protected constructor(mllm: Mllm, decode: (source: Source) => Promise<Image>) {
    this.#mllm = mllm
    this.#decode = decode
  }

  /** The side in pixels of what it sees at once, which is the smallest crop of the paper's rule. */
  get inputSize(): number {
    return this.#mllm.model.inputSize
  }

  /** The layers, counted from 0, whose attention makes the map unless a call names others. */
  get layers(): readonly number[] {
    return this.#mllm.layers
  }

  /** How many layers the language model has. */
  get layerCount(): number {
    return this.#mllm.model.language.layers
  }

  /** How many layers of its connector attend to the picture; 0 where the connector maps features one by one. */
  get connectorLayerCount(): number {
    return this.#mllm.model.connector?.layers ?? 0
  }

  /**
   * Reads and encodes a picture.
   *
   * @param image what can be read of a JPEG, PNG, WebP, ... file, or decoded pixels
   */
  async see(image: Source | Image, options: SeeOptions = {}): Promise<Picture> {
    options.signal?.throwIfAborted()
    if (options.method !== undefined) parseMethod(options.method)
    const decoded = isDecoded(image) ? image : await this.#decode(image)
    requireWhole(decoded)
    return Picture.see(this.#mllm, decoded, options)
  }

  /** Closes the sessions once they have done what they are at. Pictures seen with it cannot be asked any more. */
  release(): Promise<void> {
    return this.#mllm.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}

const isDecoded = (image: object | string): image is Image => typeof image === 'object' && 'width' in image

/** Pixels of an `ImageData` have four bytes. */
function requireWhole({ width, height, data }: Image): void {
  if (data?.length === width * height * 3) return
  throw new Error(
    `image: ${width}x${height} pixels have ${width * height * 3} bytes, found ${data?.length ?? 'none'}. Give red, green and blue, a byte each, or the picture's file.`,
  )
}
