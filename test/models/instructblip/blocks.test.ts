import { describe, expect, it } from 'vitest'
import { decodeImage } from '../../../src/image/decode-node.ts'
import { cropImage } from '../../../src/image/image.ts'
import { resize } from '../../../src/image/resize.ts'
import { Picture } from '../../../src/picture.ts'
import { picturePath } from '../fixtures.ts'
import { useModelAt } from '../open.ts'
import { expectClose } from '../stages.ts'
import { modelPath } from './fixtures.ts'

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
      expectClose(scaled(half), scaled(own.values))
    }
  })
})

/** To a mean of 1. */
function scaled(map: Float32Array): Float32Array {
  const mean = map.reduce((sum, value) => sum + value, 0) / map.length
  return map.map(value => value / mean)
}
