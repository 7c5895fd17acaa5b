import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cellSize } from '../../../src/image/geometry.ts'
import type { Image, Size } from '../../../src/image/image.ts'
import { parseProcessor } from '../../../src/models/idefics3/processor.ts'
import { enlargedCrop, placeTiles, prepare, type Tiling } from '../../../src/models/idefics3/tiles.ts'

const { rows } = JSON.parse(
  readFileSync(new URL('../../fixtures/tiles/edges.json', import.meta.url), 'utf8'),
) as { rows: number[][] }

const tilingOf = (tilePx: number, cellPx: number, settings: object): Tiling => ({
  ...parseProcessor({ max_image_size: { longest_edge: tilePx }, ...settings }, tilePx),
  tilePx,
  cellPx,
  side: Math.floor(tilePx / cellPx),
})
const small = tilingOf(9, 4, { size: { longest_edge: 27 } })
const noise = ({ width, height }: Size): Image => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256),
})

describe('a picture of any size', () => {
  it.each(rows)('as the reference has it: edge %i, tile %i, %i x %i', (...numbers) => {
    const [edge, tile, width, height, firstWidth, firstHeight, lastWidth, lastHeight] = numbers as [
      number,
      ...number[],
    ]
    const tiling = tilingOf(tile as number, 1, { size: { longest_edge: edge } })
    const { first, last } = placeTiles({ width, height } as Size, tiling)
    expect(first).toEqual({ width: firstWidth, height: firstHeight })
    expect(last).toEqual({ width: lastWidth, height: lastHeight })
  })

  it('has a token for every cell of its levels, and each once', () => {
    const length = fc.integer({ min: 1, max: 40 })
    fc.assert(
      fc.property(length, length, (width, height) => {
        const { runs, texts, levels, shape, geometry } = prepare(noise({ width, height }), small)
        expect(runs).toHaveLength(shape[0] as number)
        expect(texts).toHaveLength(runs.length + 1)
        const shown = levels.flatMap(({ positions }) => positions)
        expect([...shown].sort((a, b) => a - b)).toEqual([...runs.flat().keys()])
        for (const level of levels) {
          const { grid } = level.geometry
          expect(level.input).toMatchObject({ width: grid.columns * 4, height: grid.rows * 4 })
        }
        expect(geometry.view).toEqual({ x: 0, y: 0, width, height })
      }),
    )
  })

  it('is said tile by tile, each row a line, and the whole after an empty one', () => {
    const { texts } = prepare(
      noise({ width: 20, height: 14 }),
      tilingOf(9, 4, { size: { longest_edge: 18 } }),
    )
    expect(texts.join('<image>')).toMatchInlineSnapshot(`
      "<fake_token_around_image><row_1_col_1><image><fake_token_around_image><row_1_col_2><image>
      <fake_token_around_image><row_2_col_1><image><fake_token_around_image><row_2_col_2><image>

      <fake_token_around_image><global-img><image><fake_token_around_image>"
    `)
  })

  it('of more tiles than any prompt has room for is refused before it is cut', () => {
    const tiling = tilingOf(9, 4, { do_resize: false })
    expect(() => placeTiles({ width: 9000, height: 9000 }, tiling)).toThrow(
      'picture: makes 1000000 tiles, at most 256 are taken. Give a smaller picture.',
    )
  })

  it('that one tile holds, or that is not to be cut, is said as a whole', () => {
    const expected = ['<fake_token_around_image><global-img>', '<fake_token_around_image>']
    const one = tilingOf(9, 4, { size: { longest_edge: 9 } })
    const whole = tilingOf(9, 4, { size: { longest_edge: 27 }, do_image_splitting: false })
    for (const tiling of [one, whole]) {
      const { texts, shape, levels } = prepare(noise({ width: 20, height: 14 }), tiling)
      expect([texts, shape, levels.length]).toEqual([expected, [1, 3, 9, 9], 1])
    }
  })
})

describe('a crop is seen in more detail than as a part of the picture', () => {
  const [picture, crop] = [
    { width: 40, height: 30 },
    { width: 9, height: 9 },
  ]
  const detail = (size: Size, tiling: Tiling): number =>
    cellSize(prepare(noise(size), tiling).geometry).width / size.width

  it.each([
    ['in tiles', { size: { longest_edge: 27 } }],
    ['as a whole', { size: { longest_edge: 27 }, do_image_splitting: false }],
  ])('where all pictures are brought to one length, %s', (_, settings) => {
    const tiling = tilingOf(9, 4, settings)
    expect(enlargedCrop(crop, picture, 1000, tiling)).toEqual(crop)
    const [ofCrop, ofPicture] = [detail(crop, tiling) * 9, detail(picture, tiling) * 40]
    expect(ofCrop).toBeLessThan(0.5 * ofPicture)
  })

  it('where pictures keep their size, by being enlarged to that of the picture', () => {
    const tiling = tilingOf(9, 4, { do_resize: false })
    const enlarged = enlargedCrop(crop, picture, 1000, tiling)
    expect(enlarged).toEqual({ width: 40, height: 40 })
    expect(detail(enlarged, tiling) * 9).toBeLessThan(0.5 * detail(picture, tiling) * 40)
    expect(enlargedCrop(crop, picture, 20, tiling)).toEqual(crop)
  })
})
