import { expect, it } from 'vitest'
import { type EncodedImage, encodeAll, encodeImage } from '../src/encode.ts'
import { decodeImage } from '../src/image/decode-node.ts'
import { cropImage } from '../src/image/image.ts'
import { picturePath } from './models/fixtures.ts'
import { useModel } from './models/open.ts'

const model = useModel('base')

it.each([1, 2, 3, 5])('pictures encoded %i at a time are each as if alone', async picturesAtOnce => {
  const mllm = model()
  const picture = await decodeImage(picturePath('wide'))
  const parts = [0, 20, 40, 60, 80].map(x => cropImage(picture, { x, y: x / 4, width: 70, height: 90 }))
  const prepared = parts.map(part => mllm.model.vision.preprocess(part))
  const limited = { ...mllm, vision: { ...mllm.vision, viewsAtOnce: () => picturesAtOnce } }
  const together = await encodeAll(limited, prepared)
  expect(together).toHaveLength(parts.length)
  for (const [i, part] of parts.entries()) {
    const alone = await encodeImage(mllm, part)
    const { features, runs } = together[i] as EncodedImage
    expect([runs.length, runs[0]?.length]).toEqual([1, alone.runs[0]?.length])
    expect(features.data).toHaveLength(alone.features.data.length)
    for (const [n, value] of alone.features.data.entries()) expect(features.data[n]).toBeCloseTo(value, 4)
  }
})

it('several small pictures go through the encoder at once', async () => {
  const { model: made, vision } = model()
  const prepared = made.vision.preprocess(await decodeImage(picturePath('wide')))
  expect(vision.viewsAtOnce(prepared)).toBeGreaterThan(1)
})
