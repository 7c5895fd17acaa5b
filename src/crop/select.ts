import { cellSize, cellToBox, type Geometry, type Grid, pictureShare } from '../image/geometry.ts'
import type { Box } from '../image/image.ts'

/** A map over a picture: `values` [rows, columns] row by row, each at least 0, larger where the model looks. */
export interface ImportanceMap {
  readonly rows: number
  readonly columns: number
  readonly values: Float32Array
  readonly geometry: Geometry
}

/** Where to crop, in source pixels; or null and why not. */
export type CropChoice =
  | { readonly crop: Box; readonly reason: null }
  | { readonly crop: null; readonly reason: NoCropReason }

export type NoCropReason = 'no signal' | 'nothing to crop'

/** Window sizes as multiples of the model's input size (Zhang et al. 2025). */
const sizeRatios = [1, 1.2, 1.4, 1.6, 1.8, 2]

/** Less of a cell than this is no part of the picture but the rounding of where its padding begins. */
const rounding = 1e-6

/** A map whose largest value is not above its mean by this share has no preference to follow. */
const flatness = 1e-4

/**
 * The paper's crop (Zhang et al. 2025): for each size the window with the largest sum; among sizes the one whose sum stands
 * out most, for each of its cells, from those of its neighbours one cell away. (The division by the number of cells
 * is the official code's; the paper does not mention it.) Unlike there, a window has at least one cell, a flat or
 * broken map is said to have no signal instead of giving the top left corner, and cells in the padding count nothing.
 *
 * @param base the model's input size, in source pixels
 * @returns a square of `base` times a ratio, whole pixels, inside the picture and clipped to it
 */
export function selectCrop(map: ImportanceMap, base: number): CropChoice {
  const { geometry } = map
  const whole = windowCells(geometry, base)
  if (whole.rows === map.rows && whole.columns === map.columns)
    return { crop: null, reason: 'nothing to crop' }
  const visible = pictureShare(geometry).map(share => (share > rounding ? 1 : 0))
  if (!hasSignal(map.values, visible)) return { crop: null, reason: 'no signal' }
  const sums = windowSums(
    map.values.map((value, i) => (visible[i] === 1 ? value : 0)),
    map,
  )
  const candidates = sizeRatios.flatMap(ratio => {
    const extent = windowCells(geometry, base * ratio)
    const covers = extent.rows === map.rows && extent.columns === map.columns
    return covers ? [] : [{ side: base * ratio, ...bestWindow(sums, map, extent) }]
  })
  const best = candidates.reduce((a, b) => (b.prominence > a.prominence ? b : a))
  return { crop: squareAround(best, best.side, geometry), reason: null }
}

/** Whole cells in a square of `side` source pixels: at least one, at most the map. */
function windowCells(geometry: Geometry, side: number): Grid {
  const cell = cellSize(geometry)
  const { rows, columns } = geometry.grid
  return {
    rows: clamp(Math.floor(side / cell.height), 1, rows),
    columns: clamp(Math.floor(side / cell.width), 1, columns),
  }
}

interface Window {
  /** Its left top cell, and its size in cells. */
  readonly row: number
  readonly column: number
  readonly extent: Grid
  /** By how much its sum exceeds the mean of its neighbours', for each cell. */
  readonly prominence: number
}

/** The window of a size with the largest sum, the first of equals in reading order. */
function bestWindow(sums: WindowSums, map: ImportanceMap, extent: Grid): Window {
  const [lastRow, lastColumn] = [map.rows - extent.rows, map.columns - extent.columns]
  let best = { row: 0, column: 0, sum: Number.NEGATIVE_INFINITY }
  for (let row = 0; row <= lastRow; row++) {
    for (let column = 0; column <= lastColumn; column++) {
      const sum = sums(row, column, extent)
      if (sum > best.sum) best = { row, column, sum }
    }
  }
  const neighbours = [
    [best.row - 1, best.column],
    [best.row + 1, best.column],
    [best.row, best.column - 1],
    [best.row, best.column + 1],
  ] as const
  const inside = neighbours.filter(([r, c]) => r >= 0 && c >= 0 && r <= lastRow && c <= lastColumn)
  const around = inside.reduce((total, [r, c]) => total + sums(r, c, extent), 0) / inside.length
  return { ...best, extent, prominence: (best.sum - around) / (extent.rows * extent.columns) }
}

/** The sum over a window of cells. */
type WindowSums = (row: number, column: number, extent: Grid) => number

/** Sums over windows in constant time, from a table of the sums above and left of every cell, in float64. */
function windowSums(values: Float32Array, { rows, columns }: Grid): WindowSums {
  const stride = columns + 1
  const table = new Float64Array((rows + 1) * stride)
  const at = (row: number, column: number): number => table[row * stride + column] as number
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = values[row * columns + column] as number
      table[(row + 1) * stride + column + 1] =
        value + at(row, column + 1) + at(row + 1, column) - at(row, column)
    }
  }
  return (row, column, extent) => {
    const [bottom, right] = [row + extent.rows, column + extent.columns]
    return at(bottom, right) - at(row, right) - at(bottom, column) + at(row, column)
  }
}

/** Whether some cell of the picture (visible: 1, padding: 0) stands out: not all equal, nothing undefined. */
function hasSignal(values: Float32Array, visible: Float32Array): boolean {
  const seen = values.filter((_, i) => visible[i] === 1)
  const mean = seen.reduce((sum, value) => sum + value, 0) / seen.length
  return Number.isFinite(mean) && seen.some(value => value > mean * (1 + flatness))
}

/** A square of about `side` pixels around a window's centre, pushed inside the picture and clipped to it. */
function squareAround({ row, column, extent }: Window, side: number, geometry: Geometry): Box {
  const box = cellToBox(geometry, { row, column }, extent)
  const half = Math.floor(side / 2)
  const { source } = geometry
  const [left, right] = span(Math.trunc(box.x + box.width / 2), half, source.width)
  const [top, bottom] = span(Math.trunc(box.y + box.height / 2), half, source.height)
  return { x: left, y: top, width: right - left, height: bottom - top }
}

function span(centre: number, half: number, length: number): [from: number, to: number] {
  const inside = Math.min(Math.max(centre, half), Math.max(length - half, half))
  return [Math.max(inside - half, 0), Math.min(inside + half, length)]
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)
