import { describe, expect, it } from 'vitest'
import type { Image } from '../../../src/image/image.ts'
import { ViCrop } from '../../../src/vicrop.ts'
import { modelPath } from './fixtures.ts'

const [width, height] = [1100, 704]
const image: Image = {
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + (i >> 9) * 11) % 256),
}

/** Cells of a block of 550 x 704 pixels: of the canvas of 2 x 2 tiles those that the picture covers, or of 3 x 3 tiles. */
const grids = [
  ['llava_next/base', { rows: 8, columns: 6 }],
  ['idefics3/base', { rows: 6, columns: 6 }],
] as const

describe.each(grids)('high resolution with %s', (name, cells) => {
  it.each(['rel-att', 'grad-att', 'pure-grad'] as const)(
    'joins the blocks’ cells without their padding: %s',
    async method => {
      await using vicrop = await ViCrop.open(modelPath(name))
      using picture = await vicrop.see(image)
      const { importance, blocks } = await picture.look('What?', { method, highRes: 'on' })
      expect(blocks).toEqual({ rows: 1, columns: 2 })
      const { rows, columns, values, geometry } = importance!
      expect({ rows, columns }).toEqual({ rows: cells.rows, columns: 2 * cells.columns })
      expect(geometry.view).toEqual({ x: 0, y: 0, width, height })
      // Each block's map has the mean 1.
      for (const half of [0, 1]) {
        const own = values.filter((_, i) => Math.floor((i % columns) / cells.columns) === half)
        expect(own.reduce((sum, value) => sum + value, 0) / own.length).toBeCloseTo(1, 4)
        expect(own.every(value => value > 0)).toBe(true)
      }
    },
  )
})
