import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { connectImage, type EncodedImage, encodeAll } from '../../src/encode.ts'
import { decodeImage } from '../../src/image/decode-node.ts'
import type { Image } from '../../src/image/image.ts'
import { load } from '../../src/load-node.ts'
import type { Mllm } from '../../src/mllm.ts'
import { Picture } from '../../src/picture.ts'
import { type CaseName, modelPath } from './fixtures.ts'

/** Opens a case's checkpoint for the tests of the enclosing `describe`, with a cache of its own. */
export const useModel = (name: CaseName): (() => Mllm) => useModelAt(modelPath(name))

/** The same of any checkpoint's folder. */
export function useModelAt(folder: string): () => Mllm {
  let cacheFolder: string
  let mllm: Mllm
  beforeAll(async () => {
    cacheFolder = await mkdtemp(join(tmpdir(), 'vicrop-'))
    // The chat template is read for who asks with it; the paper's prompt is what most tests are about.
    const loaded = await load(folder, { cacheFolder, prompt: 'chat' })
    mllm = { ...loaded.mllm, promptStyle: 'plain' }
  })
  afterAll(async () => {
    await mllm.release()
    await rm(cacheFolder, { recursive: true })
  })
  return () => mllm
}

/** A picture before a model, in the tests of the enclosing `describe`. */
export interface Seen {
  readonly mllm: Mllm
  readonly image: Image
  /** As it stands in a prompt with a question, on which it may depend. */
  encoded(question: string): Promise<EncodedImage>
  /** Seen once for all tests. */
  picture(): Promise<Picture>
}

export function usePicture(model: () => Mllm, path: string): Seen {
  let image: Image
  let encoded: EncodedImage
  let picture: Promise<Picture> | undefined
  beforeAll(async () => {
    image = await decodeImage(path)
    const [one] = await encodeAll(model(), [model().model.vision.preprocess(image)])
    encoded = one as EncodedImage
  })
  return {
    get mllm() {
      return model()
    },
    get image() {
      return image
    },
    encoded: question => connectImage(model(), encoded, question),
    picture() {
      picture ??= Picture.see(model(), image)
      return picture
    },
  }
}
