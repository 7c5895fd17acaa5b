import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Context } from '../../src/decode/context.ts'
import { encodeImage } from '../../src/encode.ts'
import { decodeImage } from '../../src/image/decode-node.ts'
import { type Box, cropImage } from '../../src/image/image.ts'
import { load } from '../../src/load-node.ts'
import { type Mllm, promptFor } from '../../src/mllm.ts'
import { Picture } from '../../src/picture.ts'
import { elementError, relativeError } from './fixtures.ts'

// reference/demo/fixture.py made the fixture: what transformers computes from the same files.

interface Run {
  readonly ids: readonly number[]
  readonly logits: readonly number[]
  readonly answer: string
}
interface Expected {
  readonly picture: string
  readonly question: string
  readonly plain: Run & { readonly attention: readonly (readonly number[])[] }
  readonly crop: Box
  readonly withCrop: Run
}

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const all: Expected[] = JSON.parse(readFileSync(path('test/fixtures/demo.json'), 'utf8'))
const tolerance = 1e-4

let mllm: Mllm
beforeAll(async () => {
  mllm = (await load(path('demo/model'))).mllm
})
afterAll(() => mllm.release())

describe.each(all)('the demo model equals transformers on $picture, "$question"', expected => {
  it('in prompts, logits, attention and answers, without and with a crop', async () => {
    const { question, crop, plain, withCrop } = expected
    const image = await decodeImage(path(`demo/pictures/${expected.picture}`))
    const picture = await Picture.see(mllm, image)
    const layers = plain.attention.map((_, layer) => layer)
    const attention = await picture.attention(question, { layers })
    for (const [layer, row] of plain.attention.entries()) {
      expect(elementError(attention[layer]!.values, Float32Array.from(row))).toBeLessThan(tolerance)
    }
    const both = [await encodeImage(mllm, image), await encodeImage(mllm, cropImage(image, crop))]
    for (const [run, images] of [
      [plain, both.slice(0, 1)],
      [withCrop, both],
    ] as const) {
      const prompt = promptFor(mllm, question, images)
      const ids = prompt.map(one => (typeof one === 'number' ? one : mllm.model.imageTokenId))
      const image = mllm.model.imageTokenId
      expect(ids.filter((id, i) => id !== image || ids[i - 1] !== image)).toEqual(run.ids)
      const context = new Context(mllm.decoder)
      await context.hold(prompt.slice(0, -1))
      const logits = await context.append(prompt.slice(-1))
      expect(relativeError(logits, Float32Array.from(run.logits))).toBeLessThan(tolerance)
    }
    const answered = await picture.ask(question, { crop })
    expect({ plain: answered.plainAnswer, withCrop: answered.answer }).toEqual({
      plain: plain.answer,
      withCrop: withCrop.answer,
    })
  })
})

describe.each(['cat', 'astronaut'])('a photograph, %s', name => {
  it.each(['rel-att', 'grad-att', 'pure-grad'] as const)('gets some answer from %s', async method => {
    const photo = await decodeImage(path(`test/fixtures/photos/${name}.jpg`))
    const picture = await Picture.see(mllm, photo, { method })
    const { answer, plainAnswer } = await picture.ask('What is this?', { method })
    expect(answer).not.toBe('')
    expect(plainAnswer).not.toBe('')
  })
})
