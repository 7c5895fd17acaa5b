import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { load } from '../../src/load-node.ts'
import type { Mllm } from '../../src/mllm.ts'
import { type CaseName, modelPath } from './fixtures.ts'

/** Opens a case's checkpoint for the tests of the enclosing `describe`, with a cache of its own. */
export const useModel = (name: CaseName): (() => Mllm) => useModelAt(modelPath(name))

/** The same of any checkpoint's folder. */
export function useModelAt(folder: string): () => Mllm {
  let cacheFolder: string
  let mllm: Mllm
  beforeAll(async () => {
    cacheFolder = await mkdtemp(join(tmpdir(), 'vicrop-'))
    mllm = (await load(folder, { cacheFolder })).mllm
  })
  afterAll(async () => {
    await mllm.release()
    await rm(cacheFolder, { recursive: true })
  })
  return () => mllm
}
