import { expect, it } from 'vitest'
import { encodeAll, encodeImage } from '../src/encode.ts'
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
  const limited = { ...mllm, vision: { ...mllm.vision, picturesAtOnce } }
  const together = await encodeAll(limited, prepared)
  expect(together).toHaveLength(parts.length)
  for (const [i, part] of parts.entries()) {
    const alone = (await encodeImage(mllm, part)).rows
    expect(together[i]).toHaveLength(alone.length)
    const [found, expected] = [together[i]?.[0]?.features.data, alone[0]?.features.data] as Float32Array[]
    for (const [n, value] of expected!.entries()) expect(found![n]).toBeCloseTo(value, 4)
  }
})

it('several small pictures go through the encoder at once', () => {
  expect(model().vision.picturesAtOnce).toBeGreaterThan(1)
})
