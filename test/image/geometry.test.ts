import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  cellSize,
  cellToBox,
  type Geometry,
  gridOfPicture,
  overlap,
  pictureShare,
  pointToCell,
  spread,
  tiling,
  wholePicture,
} from '../../src/image/geometry.ts'
import type { Box, Image } from '../../src/image/image.ts'
import { type Fit, fits, preprocess } from '../../src/image/preprocess.ts'
import { parseProcessor } from '../../src/models/llava/processor.ts'

const grid = { rows: 4, columns: 4 }

function geometryOf(width: number, height: number, fit: Fit): Geometry {
  const image: Image = { width, height, data: new Uint8Array(width * height * 3) }
  return {
    source: { width, height },
    view: preprocess(image, parseProcessor({ size: 8, crop_size: 8 }, fit)).view,
    grid,
  }
}

const proportions = [
  [4, 3],
  [3, 4],
  [16, 9],
  [1, 3],
] as const

const geometries = fc
  .tuple(fc.constantFrom(...proportions), fc.constantFrom(...fits), fc.integer({ min: 1, max: 12 }))
  .map(([[width, height], fit, scale]) => geometryOf(width * scale, height * scale, fit))
const cells = fc.record({ row: fc.nat(grid.rows - 1), column: fc.nat(grid.columns - 1) })
const share = fc.double({ min: 0.001, max: 0.999, noNaN: true })

describe('for 4:3, 3:4, 16:9 and 1:3 pictures, cropped, padded and stretched', () => {
  test('every point of a cell leads back to the cell', () => {
    fc.assert(
      fc.property(geometries, cells, share, share, (geometry, cell, across, down) => {
        const box = cellToBox(geometry, cell)
        const found = pointToCell(geometry, box.x + across * box.width, box.y + down * box.height)
        expect(found).toEqual(cell)
      }),
    )
  })

  test('the cells cover the view once', () => {
    fc.assert(
      fc.property(geometries, geometry => {
        const first = cellToBox(geometry, { row: 0, column: 0 })
        const last = cellToBox(geometry, { row: grid.rows - 1, column: grid.columns - 1 })
        const all = cellToBox(geometry, { row: 0, column: 0 }, grid)
        expect(all).toEqual(geometry.view)
        expect([first.x, first.y]).toEqual([all.x, all.y])
        expect(last.x + last.width).toBeCloseTo(all.x + all.width)
        expect(last.y + last.height).toBeCloseTo(all.y + all.height)
      }),
    )
  })

  test('the shares of a box add up to its part inside the view', () => {
    fc.assert(
      fc.property(geometries, fc.tuple(share, share, share, share), (geometry, [x, y, across, down]) => {
        const { source, view } = geometry
        const box = {
          x: x * source.width,
          y: y * source.height,
          width: across * source.width,
          height: down * source.height,
        }
        const cell = cellSize(geometry)
        const covered = overlap(geometry, box).reduce((sum, part) => sum + part, 0) * cell.width * cell.height
        const inside = area(intersect(box, view))
        expect(Math.abs(covered - inside)).toBeLessThan(1e-4 * area(view))
      }),
    )
  })
})

const area = ({ width, height }: Box): number => width * height

function intersect(a: Box, b: Box): Box {
  const x = Math.max(a.x, b.x)
  const y = Math.max(a.y, b.y)
  const width = Math.max(0, Math.min(a.x + a.width, b.x + b.width) - x)
  const height = Math.max(0, Math.min(a.y + a.height, b.y + b.height) - y)
  return { x, y, width, height }
}

test('a centre crop does not see the ends of a wide picture', () => {
  const geometry = geometryOf(80, 40, 'crop')
  expect(pointToCell(geometry, 19.9, 20)).toBeNull()
  expect(pointToCell(geometry, 20, 20)).toEqual({ row: 2, column: 0 })
  expect(pointToCell(geometry, 59.9, 39.9)).toEqual({ row: 3, column: 3 })
  expect(pointToCell(geometry, 60, 20)).toBeNull()
})

test('padding has cells without a picture, and cells with a part of one', () => {
  expect([...pictureShare(geometryOf(80, 40, 'pad'))]).toEqual([
    0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0,
  ])
  expect(pictureShare(geometryOf(40, 30, 'pad'))[0]).toBeCloseTo(0.5)
})

test('a stretched picture fills the grid', () => {
  const geometry = geometryOf(80, 40, 'stretch')
  expect(cellSize(geometry)).toEqual({ width: 20, height: 10 })
  expect(overlap(geometry, wholePicture(geometry.source))).toEqual(new Float32Array(16).fill(1))
  expect([...overlap(geometry, { x: 30, y: 0, width: 20, height: 10 })]).toEqual([
    0,
    0.5,
    0.5,
    ...Array(13).fill(0),
  ])
})

describe('a map on another grid of the picture', () => {
  const source = { width: 12, height: 8 }
  const whole = (rows: number, columns: number): Geometry => tiling(source, { rows, columns })
  const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0)

  test('that is finer divides each cell among its parts', () => {
    expect([...spread(Float32Array.of(4, 8), whole(1, 2), whole(2, 4))]).toEqual([1, 1, 2, 2, 1, 1, 2, 2])
  })

  test('that is coarser adds cells up, and divides those at a border by area', () => {
    expect([...spread(Float32Array.of(1, 2, 3), whole(1, 3), whole(1, 1))]).toEqual([6])
    expect([...spread(Float32Array.of(1, 2, 3), whole(1, 3), whole(1, 2))]).toEqual([2, 4])
  })

  test('with padding around the picture has nothing in the padding', () => {
    const padded: Geometry = {
      source,
      view: { x: 0, y: -2, width: 12, height: 12 },
      grid: { rows: 6, columns: 2 },
    }
    expect([...spread(Float32Array.of(8), whole(1, 1), padded)]).toEqual([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0])
    expect(gridOfPicture(padded)).toEqual({ rows: 4, columns: 2 })
  })

  test('with the same cells is the same, to the bit', () => {
    const values = Float32Array.from({ length: 16 }, (_, i) => Math.sin(i) + 1)
    fc.assert(
      fc.property(geometries, geometry => {
        expect(spread(values, geometry, { ...geometry })).toEqual(values)
      }),
    )
  })

  test('has the same sum, wherever both cover the picture', () => {
    const size = fc.integer({ min: 1, max: 9 })
    fc.assert(
      fc.property(size, size, size, size, (rows, columns, toRows, toColumns) => {
        const values = Float32Array.from({ length: rows * columns }, (_, i) => i + 1)
        const other = spread(values, whole(rows, columns), whole(toRows, toColumns))
        expect(other).toHaveLength(toRows * toColumns)
        expect(sum(other) / sum(values)).toBeCloseTo(1, 5)
      }),
    )
  })
})
