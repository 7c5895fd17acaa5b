import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blocksFor, blocksOf, joinMaps } from '../../src/crop/tiles.ts'

describe('blocks of high resolution', () => {
  it.each([
    // width, height -> columns, rows
    [500, 1000, 1, 2],
    [1000, 1000, 1, 1],
    [1024, 1024, 1, 1],
    [1025, 1024, 2, 2],
    [2040, 1024, 2, 1],
    [1536, 2048, 2, 3],
    [4000, 3000, 4, 3],
    [300, 8000, 1, 27],
    [8000, 300, 27, 1],
    [1, 1, 1, 1],
    [10, 12_000, 1, 47],
  ])('%i x %i are cut into %i x %i', (width, height, columns, rows) => {
    expect(blocksOf({ width, height })).toMatchObject({ columns, rows })
  })

  const side = fc.integer({ min: 1, max: 12_000 })

  it('cover the picture once, with none over 1024 on either side and none empty', () => {
    const property = fc.property(side, side, (width, height) => {
      const { boxes, rows, columns } = blocksOf({ width, height })
      expect(boxes).toHaveLength(rows * columns)
      expect(boxes.reduce((area, box) => area + box.width * box.height, 0)).toBe(width * height)
      for (const [i, box] of boxes.entries()) {
        expect(Math.max(box.width, box.height)).toBeLessThanOrEqual(1024)
        expect(Math.min(box.width, box.height)).toBeGreaterThan(0)
        const right = boxes[i + 1]
        if ((i + 1) % columns !== 0) expect(right).toMatchObject({ x: box.x + box.width, y: box.y })
        const below = boxes[i + columns]
        if (below !== undefined) expect(below).toMatchObject({ x: box.x, y: box.y + box.height })
      }
    })
    fc.assert(property, { numRuns: 300 })
  })

  it('are nearer to squares than three to two wherever the picture is not narrow', () => {
    const property = fc.property(
      fc.integer({ min: 256, max: 9000 }),
      fc.integer({ min: 256, max: 9000 }),
      (width, height) => {
        const { rows, columns } = blocksOf({ width, height })
        const aspect = width / columns / (height / rows)
        expect(Math.max(aspect, 1 / aspect)).toBeLessThanOrEqual(1.5)
      },
    )
    fc.assert(property, { numRuns: 300 })
  })
})

describe('maps of blocks', () => {
  const grid = { rows: 2, columns: 2 }
  const mapsOf = (...maps: number[][]): Float32Array[] => maps.map(values => Float32Array.from(values))

  it('are joined as the blocks lie, each with the mean 1', () => {
    const maps = mapsOf([4, 0, 0, 0], [0, 0, 2, 2], [5, 5, 5, 5], [0, 300, 100, 0])
    expect([...joinMaps(maps, grid, grid)]).toEqual([4, 0, 0, 0, 0, 0, 2, 2, 1, 1, 0, 3, 1, 1, 1, 0])
  })

  it('that say nothing count nothing', () => {
    const maps = mapsOf(
      [0, 0, 0, 0],
      [Number.NaN, 1, 1, 1],
      [1, Number.POSITIVE_INFINITY, 1, 1],
      [1, 1, 2, 0],
    )
    expect([...joinMaps(maps, grid, grid)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 2, 0])
  })
})

describe('whether a picture is cut', () => {
  it.each([
    [1024, 1024, 'auto', true, null],
    [1025, 600, 'auto', true, [2, 1]],
    [600, 1025, 'auto', true, [1, 2]],
    [600, 1025, 'auto', false, null],
    [500, 1000, 'auto', true, null],
    [500, 1000, 'on', false, [1, 2]],
    [1000, 1000, 'on', true, null],
    [4000, 3000, 'off', true, null],
  ] as const)('%i x %i, %s, shown less of than it has %s: %j', (width, height, mode, showsLess, expected) => {
    const blocks = blocksFor({ width, height }, mode, showsLess)
    expect(blocks && [blocks.columns, blocks.rows]).toEqual(expected)
  })
})
