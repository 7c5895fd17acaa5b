import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { OpenOptions } from '../../src/load-node.ts'
import { ViCrop } from '../../src/vicrop.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { alteredFrom, type Change } from './altered.ts'

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

/** What is done to a checkpoint, and what opening it is refused with then, or what that matches. */
export type Refusal = readonly [what: string, change: Change, message: string | RegExp]

/** @param title of each test; %s is what is done */
export function testRefusals(folder: string, title: string, rows: readonly Refusal[]): void {
  test.each(rows)(title, async (_, change, message) => {
    const refused = await refusal(alteredFrom(folder, change))
    expect(refused).toEqual(typeof message === 'string' ? message : expect.stringMatching(message))
  })
}

/** How a refusal of settings ends. */
export const unsupported = 'Is it damaged, or of a model that is not supported?'

/** What is said to a checkpoint of another model. */
export const supportedModels =
  'supported: llava, llava_next, idefics3, smolvlm, instructblip, qwen2_vl, qwen2_5_vl. Open a checkpoint of such a model.'
