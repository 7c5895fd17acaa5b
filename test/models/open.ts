import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { load } from '../../src/load-node.ts'
import type { Mllm } from '../../src/mllm.ts'
import { type CaseName, modelPath } from './fixtures.ts'

/** Opens a case's checkpoint for the tests of the enclosing `describe`, with a cache of its own. */
export function useModel(name: CaseName): () => Mllm {
  let cacheFolder: string
  let mllm: Mllm
  beforeAll(async () => {
    cacheFolder = await mkdtemp(join(tmpdir(), 'vicrop-'))
    mllm = (await load(modelPath(name), { cacheFolder })).mllm
  })
  afterAll(async () => {
    await mllm.release()
    await rm(cacheFolder, { recursive: true })
  })
  return () => mllm
}
