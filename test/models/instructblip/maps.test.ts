import { beforeAll, describe, expect, it } from 'vitest'
import { Context } from '../../../src/decode/context.ts'
import { decodeImage } from '../../../src/image/decode-node.ts'
import { cropImage, type Image } from '../../../src/image/image.ts'
import { resize } from '../../../src/image/resize.ts'
import type { Mllm } from '../../../src/mllm.ts'
import { Picture } from '../../../src/picture.ts'
import { View } from '../../../src/view.ts'
import { type ExpectedQuestion, picturePath, relativeError } from '../fixtures.ts'
import { useModelAt } from '../open.ts'
import { cases, modelPath, part, readArrays, readExpected } from './fixtures.ts'

// The reference differentiates the whole model at once, from the answer's first token to the pixels.

/** Of float32 against float32, through every layer and back. */
const tolerance = 1e-4

describe.each(cases)('InstructBLIP checkpoint %s: maps and crops equal the reference', name => {
  const expected = readExpected(name)
  const arrays = readArrays(name)
  const model = useModelAt(modelPath(name))
  let mllm: Mllm
  /** Every layer with every cross-attention, in the order of the reference. */
  let pairs: [layer: number, connectorLayer: number][]
  beforeAll(() => {
    mllm = model()
    const [layers, connectorLayers] = [mllm.model.language.layers, mllm.model.connector?.layers as number]
    pairs = Array.from({ length: layers * connectorLayers }, (_, i) => [
      Math.floor(i / connectorLayers),
      i % connectorLayers,
    ])
  })

  describe.each([
    ['wide', 0],
    ['wide', 1],
    ['tall', 0],
    ['tall', 1],
  ] as const)('on the %s picture, question %i', (key, i) => {
    const at = `${key}.questions.${i}`
    const answers = expected.pictures[key].questions[i] as ExpectedQuestion
    const { question } = answers
    let image: Image
    let picture: Picture
    beforeAll(async () => {
      image = await decodeImage(picturePath(key))
      picture = await Picture.see(mllm, image)
    })

    it('in the answer-to-image attention A_si of all pairs of layers', async () => {
      const maps = await picture.attention(question, { layers: 'all', connectorLayers: 'all' })
      const all = Float32Array.from(maps.flatMap(({ values }) => [...values]))
      expect(relativeError(all, arrays(`${at}.image_attention`).data)).toBeLessThan(tolerance)
    })

    it.each([
      ['rel-att', 'relative_attention', 'crops'],
      ['grad-att', 'gradient_attention', 'gradientCrops'],
    ] as const)('with %s of each pair of layers and of all', async (method, array, crops) => {
      const maps = arrays(`${at}.${array}`)
      const [layers, connectorLayers] = maps.shape as [number, number]
      for (const [nth, [layer, connectorLayer]] of pairs.entries()) {
        const options = { method, layers: [layer], connectorLayers: [connectorLayer] }
        const { importance, crop, cropReason } = await picture.look(question, options)
        const reference = part(part(maps, layer), connectorLayer).data
        expect(relativeError(importance!.values, reference), `${layer}, ${connectorLayer}`).toBeLessThan(
          tolerance,
        )
        const { box, reason } = answers[crops].layers[nth]!
        expect({ crop, cropReason }).toEqual({ crop: box, cropReason: reason })
      }
      const all = (count: number): number[] => Array.from({ length: count }, (_, n) => n)
      const options = { method, layers: all(layers), connectorLayers: all(connectorLayers) }
      expect((await picture.look(question, options)).crop).toEqual(answers[crops].mean.box)
    })

    it('with grad-att of a target, after the plain answer, whose prefill it goes back through', async () => {
      const options = { method: 'grad-att', target: answers.token } as const
      const { values } = (await picture.look(question, options)).importance!
      using fresh = await Picture.see(mllm, image)
      const asked = await fresh.ask(question, { method: 'grad-att' })
      expect(relativeError(asked.importance!.values, values)).toBeLessThan(tolerance)
      expect(asked.plainAnswer).toBe(answers.plain.text.trim())
    })

    it.each([null, answers.token])('in dv/dx of every pixel, target %s', async target => {
      const view = await View.see(mllm, image)
      const looker = view.looker(new Context(mllm.decoder), { question, target, signal: undefined })
      const reference = arrays(`${at}.pixel_gradient`).data
      expect(relativeError((await looker.pixelGradient())[0]!, reference)).toBeLessThan(tolerance)
      const general = arrays(`${key}.general.pixel_gradient`).data
      expect(relativeError((await looker.generalPixelGradient())[0]!, general)).toBeLessThan(tolerance)
    })

    it.each(['paper', 'code'] as const)('with pure-grad, variant %s', async variant => {
      using seen = await Picture.see(mllm, image, { method: 'pure-grad' })
      for (const one of [picture, seen]) {
        const look = await one.look(question, { method: 'pure-grad', variant })
        const reference = arrays(`${at}.pure_gradient.${variant}`).data
        expect(relativeError(look.importance!.values, reference)).toBeLessThan(tolerance)
        const { box, reason } = answers.pureGradientCrops[variant]
        expect(look).toMatchObject({ crop: box, cropReason: reason, layers: [], connectorLayers: [] })
      }
    })

    it('in the whole question: plain answer, crop, answer from both', async () => {
      const all = { layers: pairs.map(([layer]) => layer), connectorLayers: pairs.map(([, layer]) => layer) }
      const options = { layers: [...new Set(all.layers)], connectorLayers: [...new Set(all.connectorLayers)] }
      const { plainAnswer, answer, crop } = await picture.ask(question, options)
      expect({ plainAnswer, answer, crop }).toEqual({
        plainAnswer: answers.plain.text.trim(),
        answer: answers.withCrop.text.trim(),
        crop: answers.crops.mean.box,
      })
    })
  })
})

describe('in blocks of high resolution', () => {
  const model = useModelAt(modelPath('placeholders'))
  const question = 'what is on the sign?'

  it.each(['rel-att', 'grad-att', 'pure-grad'] as const)('%s is each block’s own', async method => {
    const image = resize(await decodeImage(picturePath('wide')), { width: 1200, height: 700 }, 'bicubic')
    using whole = await Picture.see(model(), image)
    const { blocks, importance } = await whole.look(question, { method })
    expect(blocks).toEqual({ rows: 1, columns: 2 })
    const { rows, columns, values } = importance!
    for (const side of [0, 1]) {
      const block = cropImage(image, { x: 600 * side, y: 0, width: 600, height: 700 })
      using alone = await Picture.see(model(), block)
      const own = (await alone.look(question, { method })).importance!
      const half = values.filter((_, i) => Math.floor((i % columns) / (columns / 2)) === side)
      expect(half).toHaveLength(rows * (columns / 2))
      expect(relativeError(scaled(half), scaled(own.values))).toBeLessThan(tolerance)
    }
  })
})

/** To a mean of 1. */
function scaled(map: Float32Array): Float32Array {
  const mean = map.reduce((sum, value) => sum + value, 0) / map.length
  return map.map(value => value / mean)
}
