import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeImage } from '../../../src/image/decode-node.ts'
import type { Image } from '../../../src/image/image.ts'
import { load } from '../../../src/load-node.ts'
import { type Mllm, makeMllm } from '../../../src/mllm.ts'
import type { Engine } from '../../../src/onnx/session.ts'
import { Picture } from '../../../src/picture.ts'
import { picturePath } from '../fixtures.ts'
import { modelPath } from './fixtures.ts'

// How often each graph runs: the vision encoder, which costs most of what a picture does, once a picture; the Q-Former once
// a picture and question.

const cacheFolder = mkdtempSync(join(tmpdir(), 'vicrop-'))
afterAll(() => rmSync(cacheFolder, { recursive: true }))

const runs: string[] = []
const names = { image_features: 'encode', query_features: 'connect', attentions: 'read' } as const

const noting = (engine: Engine): Engine => ({
  device: engine.device,
  copiesWeights: engine.copiesWeights,
  async open(graph, options) {
    const session = await engine.open(graph, options)
    const name = names[Object.keys(graph.outputs)[0] as keyof typeof names]
    return {
      ...session,
      run(feeds, into) {
        if (name !== undefined) runs.push(name === 'read' && 'instruction_ids' in feeds ? 'attend' : name)
        return session.run(feeds, into)
      },
    }
  },
})

let mllm: Mllm
let image: Image
beforeAll(async () => {
  const loaded = (await load(modelPath('placeholders'), { cacheFolder })).mllm
  mllm = makeMllm({ ...loaded, engine: noting(loaded.engine) })
  image = await decodeImage(picturePath('wide'))
})
afterAll(() => mllm.release())

async function during(work: () => Promise<unknown>): Promise<string[]> {
  runs.length = 0
  await work()
  return [...runs]
}

describe('a question costs no work twice', () => {
  it('between plain answer, map, general map and the answer from the crop', async () => {
    const ran = await during(async () => {
      const picture = await Picture.see(mllm, image)
      await picture.ask('what is on the sign?', { maxNewTokens: 1 })
    })
    // The picture; the question; its map; the general prompt and its map; the crop under the question.
    expect(ran).toEqual([
      'encode',
      'connect',
      'attend',
      'read',
      'connect',
      'attend',
      'read',
      'encode',
      'connect',
    ])
  })

  it('nor the next one what depends on the picture alone', async () => {
    const picture = await Picture.see(mllm, image)
    await picture.look('what is on the sign?')
    expect(await during(() => picture.look('how many birds are there?'))).toEqual([
      'connect',
      'attend',
      'read',
    ])
    expect(await during(() => picture.look('how many birds are there?'))).toEqual(['attend', 'read'])
  })

  it('and gradients need no other question', async () => {
    const picture = await Picture.see(mllm, image)
    const options = { method: 'grad-att', maxNewTokens: 1 } as const
    const ran = await during(() => picture.ask('what is on the sign?', options))
    expect(ran).toEqual(['connect', 'attend', 'read', 'encode', 'connect'])
  })

  it('a picture that was released is asked as if seen anew, but for the encoder', async () => {
    const picture = await Picture.see(mllm, image)
    const before = await picture.ask('what is on the sign?')
    picture.release()
    let after = before
    const ran = await during(async () => {
      after = await picture.ask('what is on the sign?')
    })
    expect(ran.filter(name => name === 'encode')).toHaveLength(1)
    expect({ ...after, timings: null }).toEqual({ ...before, timings: null })
  })
})
