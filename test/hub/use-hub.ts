import { join } from 'node:path'
import { afterEach, beforeEach, vi } from 'vitest'
import { temporaryFolder } from '../weights/temporary.ts'
import { type FakeHub, serveHub } from './server.ts'

export interface Served {
  readonly hub: FakeHub
  readonly cache: string
  /** `models--org--name` in the cache. */
  readonly model: string
}

/** A hub with these files and an empty cache for each test of the file, in the environment as users set them. */
export function useHub(files: () => Record<string, Buffer>): () => Served {
  let served: Served
  beforeEach(async () => {
    const [hub, cache] = [await serveHub(files()), temporaryFolder()]
    served = { hub, cache, model: join(cache, 'models--org--name') }
    const environment = {
      HF_ENDPOINT: hub.endpoint,
      HF_HUB_CACHE: cache,
      HF_HOME: temporaryFolder(),
      HF_TOKEN: '',
      HUGGING_FACE_HUB_TOKEN: '',
      HF_TOKEN_PATH: '',
      HF_HUB_OFFLINE: '',
      TRANSFORMERS_OFFLINE: '',
    }
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await served.hub.close()
  })
  return () => served
}
