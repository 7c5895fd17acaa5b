import { readdirSync } from 'node:fs'
import { expect } from 'vitest'
import type { OpenOptions } from '../../src/load-node.ts'
import { ViCrop } from '../../src/vicrop.ts'
import { temporaryFolder } from '../weights/temporary.ts'

/** What opening a checkpoint is refused with: one line, and nothing is left behind. */
export async function refusal(folder: string, options: OpenOptions = {}): Promise<string> {
  const cacheFolder = temporaryFolder()
  const error = await ViCrop.open(folder, { cacheFolder, ...options }).then(
    () => expect.unreachable('it was opened'),
    (error: Error) => error,
  )
  expect(error).toBeInstanceOf(Error)
  expect(error.message).toMatch(/^[^\p{Cc}\u2028\u2029]{10,700}$/u)
  expect(readdirSync(cacheFolder)).toEqual([])
  return error.message.replaceAll(folder, 'FOLDER')
}

/** What is said to a checkpoint of another model. */
export const supportedModels =
  'supported: llava, llava_next, idefics3, smolvlm, instructblip, qwen2_vl, qwen2_5_vl. Open a checkpoint of such a model.'
