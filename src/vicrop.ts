import { decodeImage } from './image/decode-node.ts'
import { demoModel, type Loaded, load, type OpenOptions } from './load-node.ts'
import { Opened } from './opened.ts'
import type { Conversion } from './weights/convert-node.ts'

/**
 * A multimodal LLM that looks closer where its own attention is.
 *
 * ```ts
 * await using vicrop = await ViCrop.open('llava-hf/llava-1.5-7b-hf')
 * using picture = await vicrop.see('street.jpg')
 * const { answer, plainAnswer, crop } = await picture.ask('What is the number of the bus?')
 * ```
 *
 * `see` takes a path, the bytes of a JPEG, PNG, WebP, ... file, or decoded pixels.
 */
export class ViCrop extends Opened<string | Uint8Array> {
  /** What had to be converted for this device; null when the published weights are used as they are. */
  readonly converted: Conversion | null

  private constructor({ mllm, converted }: Loaded) {
    super(mllm, decodeImage)
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
}
