import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commonPrefix } from '../../src/decode/prompt.ts'
import { encodeImage } from '../../src/encode.ts'
import { decodeImage } from '../../src/image/decode-node.ts'
import type { Image } from '../../src/image/image.ts'
import { load } from '../../src/load-node.ts'
import { type Mllm, makeMllm, promptFor } from '../../src/mllm.ts'
import type { Prompt } from '../../src/models/model.ts'
import type { Engine } from '../../src/onnx/session.ts'
import { Picture } from '../../src/picture.ts'
import { modelPath, picturePath } from '../models/fixtures.ts'

// How often each graph runs for a question, on how many positions. Prefilling is what costs, so it is counted.

const cacheFolder = mkdtempSync(join(tmpdir(), 'vicrop-'))
afterAll(() => rmSync(cacheFolder, { recursive: true }))

/** What ran: the name of a graph's first output, and the positions it was given. */
const runs: string[] = []

const noting = (engine: Engine): Engine => ({
  device: engine.device,
  copiesWeights: false,
  async open(graph) {
    const session = await engine.open(graph)
    const name = { logits: 'decode', attentions: 'probe', image_features: 'encode', inputs_embeds: 'embed' }[
      Object.keys(graph.outputs)[0] as string
    ] as string
    return {
      ...session,
      run(feeds, into) {
        if (name !== 'embed') runs.push(name === 'decode' ? `${feeds.inputs_embeds?.shape[0]}` : name)
        return session.run(feeds, into)
      },
    }
  },
})

let mllm: Mllm
let image: Image
beforeAll(async () => {
  const loaded = (await load(modelPath('base'), { cacheFolder })).mllm
  mllm = makeMllm({ ...loaded, engine: noting(loaded.engine) })
  image = await decodeImage(picturePath('wide'))
})
afterAll(() => mllm.release())

/** What `work` runs, in order: "encode", "probe", or for the decoder how many positions it was given. */
async function during(work: () => Promise<unknown>): Promise<string[]> {
  runs.length = 0
  await work()
  return [...runs]
}

const question = 'what is written on the sign?'
const general = 'Write a general description of the image.'

/** Positions that a prompt leaves to be prefilled when another, `held`, is in the cache; the last one is left out. */
const rest = (prompt: Prompt, held: Prompt): string => {
  const wanted = prompt.slice(0, -1)
  return `${wanted.length - commonPrefix(wanted, held)}`
}

describe('a question costs no work twice', () => {
  it('between plain answer, map, general map and the answer from the crop', async () => {
    const encoded = await encodeImage(mllm, image)
    const crop = await encodeImage(mllm, image)
    // The prompts of a picture encoded once more: equal in everything but the identity of its rows.
    const [plain, other, both] = [
      promptFor(mllm, question, [encoded]),
      promptFor(mllm, general, [encoded]),
      promptFor(mllm, question, [encoded, crop]),
    ]
    const steps = 3
    const picture = await Picture.see({ ...mllm, endTokenIds: [] }, image)
    const ran = await during(() => picture.ask(question, { maxNewTokens: steps }))
    const answer = Array.from({ length: steps }, () => '1')
    expect(ran).toEqual([
      `${plain.length - 1}`,
      ...answer,
      'probe',
      rest(other, plain),
      'probe',
      'encode',
      rest(both, other),
      ...answer,
    ])
  })

  it('and the next question about the picture starts behind the picture', async () => {
    const picture = await Picture.see(mllm, image)
    const encoded = await encodeImage(mllm, image)
    await picture.look(question)
    const next = 'how many wheels has the bus?'
    const ran = await during(() => picture.look(next))
    expect(ran).toEqual([
      rest(promptFor(mllm, next, [encoded]), promptFor(mllm, general, [encoded]).slice(0, -1)),
      'probe',
    ])
    expect(Number(ran[0])).toBeLessThan(encoded.features.rows)
    expect(await during(() => picture.look(next))).toEqual(['probe'])
  })

  it('and gradients need no other prompt, and nothing of this one again', async () => {
    const picture = await Picture.see(mllm, image)
    const ran = await during(() =>
      picture.ask(question, { method: 'grad-att', maxNewTokens: 1, crop: 'auto' }),
    )
    expect(ran.slice(0, 4)).toEqual([ran[0], '1', 'probe', 'encode'])
  })

  it('and a picture is encoded once', async () => {
    const ran = await during(async () => {
      const picture = await Picture.see(mllm, image)
      await picture.look(question)
      await picture.ask(question, { method: 'none', maxNewTokens: 1 })
    })
    expect(ran.filter(name => name === 'encode')).toHaveLength(1)
  })
})
