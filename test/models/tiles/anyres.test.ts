import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cellSize } from '../../../src/image/geometry.ts'
import type { Image, Size } from '../../../src/image/image.ts'
import { selectBestResolution, sizeOnCanvas } from '../../../src/models/llava_next/anyres.ts'
import { defaultPinpoints, type GridPinpoints } from '../../../src/models/llava_next/config.ts'
import { enlargedCrop, positionsTaken, prepare, type Tiling } from '../../../src/models/llava_next/tiles.ts'

const file = new URL('../../fixtures/tiles/anyres.json', import.meta.url)
const { grids, rows } = JSON.parse(readFileSync(file, 'utf8')) as {
  grids: Record<string, GridPinpoints>
  rows: [string, ...number[]][]
}

const values = { resample: 'bicubic', rescaleFactor: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] } as const
/** As published: tiles of 336 pixels, 24 patches of 14 a side. */
const published: Tiling = { tilePx: 336, patchPx: 14, side: 24, pinpoints: defaultPinpoints, values }
/** The same in small, to be computed. */
const small: Tiling = {
  tilePx: 8,
  patchPx: 2,
  side: 4,
  pinpoints: defaultPinpoints.map(([height, width]): [number, number] => [height / 42, width / 42]),
  values,
}
const noise = ({ width, height }: Size): Image => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256),
})

describe('a picture of any size', () => {
  it.each(rows)('as the reference has it: grids %s, %i x %i', (name, ...numbers) => {
    const [width, height, canvasWidth, canvasHeight, placedWidth, placedHeight, tokens] = numbers as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const pinpoints = grids[name] as GridPinpoints
    const canvas = selectBestResolution({ width, height }, pinpoints)
    expect(canvas).toEqual({ width: canvasWidth, height: canvasHeight })
    expect(sizeOnCanvas({ width, height }, canvas)).toEqual({ width: placedWidth, height: placedHeight })
    expect(positionsTaken({ width, height }, { ...published, pinpoints })).toBe(tokens)
  })

  it('has in its prompt as many positions as were counted, each showing one patch or ending a row', () => {
    const length = fc.integer({ min: 1, max: 60 })
    fc.assert(
      fc.property(length, length, (width, height) => {
        const { runs, levels, shape } = prepare(noise({ width, height }), small)
        const [run] = runs as [number[]]
        expect(run).toHaveLength(positionsTaken({ width, height }, small))
        expect(Math.max(...run)).toBeLessThan((shape[0] as number) * 17)
        const shown = levels.flatMap(({ positions }) => positions.filter(position => position >= 0))
        expect(new Set(shown).size).toBe(shown.length)
        const newlines = run.flatMap((row, position) => (row === 16 ? [position] : []))
        expect([...shown, ...newlines].sort((a, b) => a - b)).toEqual([...run.keys()])
      }),
    )
  })

  it('shows in each cell the pixels that the geometry says', () => {
    const { width, height } = { width: 40, height: 12 }
    const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => 6 * (Math.floor(i / 3) % width))
    const { levels } = prepare({ width, height, data }, small)
    for (const { input, geometry, cellPx, positions } of levels) {
      const cell = cellSize(geometry)
      for (const [i, position] of positions.entries()) {
        if (position === -1) continue
        const [row, column] = [Math.floor(i / geometry.grid.columns), i % geometry.grid.columns]
        const x = geometry.view.x + (column + 0.5) * cell.width
        const at = ((row * cellPx + 1) * input.width + column * cellPx) * 3
        const mean = ((input.data[at] as number) + (input.data[at + 3] as number)) / 2
        if (x > 3 && x < width - 3) expect(Math.abs(mean - 6 * (x - 0.5))).toBeLessThan(4)
      }
    }
  })
})

describe('a crop', () => {
  const room = 10_000
  /** Side of a cell of the map in source pixels: what one token of the finest level shows. */
  const detail = (shown: Size, original: Size): number => {
    const canvas = selectBestResolution(shown, published.pinpoints)
    return (14 * original.width) / sizeOnCanvas(shown, canvas).width
  }

  it.each([
    [
      { width: 640, height: 480 },
      { width: 336, height: 336 },
    ],
    [
      { width: 1024, height: 768 },
      { width: 402, height: 402 },
    ],
    [
      { width: 2000, height: 500 },
      { width: 336, height: 336 },
    ],
    [
      { width: 300, height: 1200 },
      { width: 300, height: 336 },
    ],
    [
      { width: 700, height: 700 },
      { width: 40, height: 30 },
    ],
  ])('of a picture of %j and %j pixels is seen in more detail than the picture', (picture, crop) => {
    const enlarged = enlargedCrop(crop, room, published)
    expect(detail(enlarged, crop)).toBeLessThan(0.9 * detail(picture, picture))
  })

  it('would not be, if it were not enlarged', () => {
    const [picture, crop] = [
      { width: 640, height: 480 },
      { width: 336, height: 336 },
    ]
    expect(detail(crop, crop)).toBeGreaterThan(detail(picture, picture))
    expect(enlargedCrop(crop, room, published)).toEqual({ width: 672, height: 672 })
  })

  it('that fills the largest canvas stays as it is', () => {
    const crop = { width: 1300, height: 1300 }
    expect(enlargedCrop(crop, room, published)).toEqual(crop)
  })

  it('takes no more positions than there is room for, where that can be', () => {
    const crop = { width: 340, height: 200 }
    const taken = (room: number): number => positionsTaken(enlargedCrop(crop, room, published), published)
    expect(taken(10_000)).toBe(24 * 24 + 28 * (48 + 1))
    for (const room of [1900, 1600]) expect(taken(room)).toBeLessThanOrEqual(room)
    expect(enlargedCrop(crop, 10, published)).toEqual(crop)
  })

  it('is enlarged with its proportions', () => {
    const side = fc.integer({ min: 8, max: 300 })
    fc.assert(
      fc.property(side, side, (width, height) => {
        const enlarged = enlargedCrop({ width, height }, room, published)
        const [across, down] = [enlarged.width / width, enlarged.height / height]
        expect(Math.abs(across - down)).toBeLessThanOrEqual(0.5 / Math.min(width, height) + 0.01)
        expect(across).toBeGreaterThanOrEqual(1)
      }),
    )
  })
})
