import { decodeImage } from './image/decode-node.ts'
import type { Image } from './image/image.ts'
import { parseMethod } from './importance/method.ts'
import { demoModel, type Loaded, load, type OpenOptions } from './load-node.ts'
import type { Mllm } from './mllm.ts'
import type { SeeOptions } from './options.ts'
import { Picture } from './picture.ts'
import type { Conversion } from './weights/convert-node.ts'

/**
 * A multimodal LLM that looks closer where its own attention is.
 *
 * ```ts
 * await using vicrop = await ViCrop.open('llava-hf/llava-1.5-7b-hf')
 * using picture = await vicrop.see('street.jpg')
 * const { answer, plainAnswer, crop } = await picture.ask('What is the number of the bus?')
 * ```
 */
export class ViCrop {
  readonly #mllm: Mllm
  /** What had to be converted for this device; null when the published weights are used as they are. */
  readonly converted: Conversion | null

  private constructor({ mllm, converted }: Loaded) {
    this.#mllm = mllm
    this.converted = converted
  }

  /**
   * Opens a checkpoint: reads its configuration and headers and leaves the weights in their files.
   *
   * @param model a folder as `save_pretrained` writes it, or an id of the hub, `org/name[@revision]`, found
   *   in the Hugging Face cache or fetched into it; the demo model if left out
   * @throws an error of one sentence that says what is wrong with the checkpoint and what to do
   */
  static async open(model: string = demoModel, options: OpenOptions = {}): Promise<ViCrop> {
    return new ViCrop(await load(model, options))
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
   * @param image a path, the bytes of a JPEG, PNG, WebP, ... file, or decoded pixels
   */
  async see(image: string | Uint8Array | Image, options: SeeOptions = {}): Promise<Picture> {
    options.signal?.throwIfAborted()
    if (options.method !== undefined) parseMethod(options.method)
    const isDecoded = typeof image === 'object' && 'width' in image
    return Picture.see(this.#mllm, isDecoded ? image : await decodeImage(image), options)
  }

  /** Closes the sessions once they have done what they are at. Pictures seen with it cannot be asked any more. */
  release(): Promise<void> {
    return this.#mllm.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}
