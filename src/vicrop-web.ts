import { decodeImage } from './image/decode-web.ts'
import { load, type ModelSource, type OpenOptions } from './load-web.ts'
import type { Mllm } from './mllm.ts'
import { Opened } from './opened.ts'

/**
 * A multimodal LLM that looks closer where its own attention is, in a browser. What it computes would stop a page meanwhile:
 * open it in a worker. Answers are plain data, which can be posted.
 *
 * ```ts
 * const vicrop = await ViCrop.open('/models/demo/')
 * const picture = await vicrop.see(file)
 * const { answer, plainAnswer, crop } = await picture.ask('What is the number of the bus?')
 * ```
 *
 * `see` takes an address, a file or another blob, the bytes of a JPEG, PNG, WebP, ... file, or decoded pixels.
 */
export class ViCrop extends Opened<string | URL | Blob | Uint8Array> {
  private constructor(mllm: Mllm) {
    super(mllm, decodeImage)
  }

  /**
   * Opens a checkpoint: reads its configuration and headers, and brings its weights, which the browser keeps for the next
   * time. They are computed with in float32; float16 and bfloat16 are converted whenever a session is opened.
   *
   * @param model the address of a folder as `save_pretrained` writes it, an id of the hub, `org/name[@revision]`, or files that
   *   were picked or dropped; a path that begins with neither `/` nor `.` is an id
   * @throws an error of one sentence that says what is wrong with the checkpoint and what to do
   */
  static async open(model: ModelSource, options: OpenOptions = {}): Promise<ViCrop> {
    return new ViCrop(await load(model, options))
  }
}
