import type { Geometry } from '../../src/image/geometry.ts'
import type { Box } from '../../src/image/image.ts'

// The paper's crop, slow and plain: direct sums, and whole numbers throughout, so that every comparison is exact.

export type Kind = 'crop' | 'pad' | 'stretch'

/** How a picture is shown to a model with a square input of `base` pixels in patches of `patch`. */
export interface View {
  readonly kind: Kind
  readonly width: number
  readonly height: number
  readonly base: number
  readonly patch: number
}

/** Cell i of an axis begins at (start + i * cell) / parts pixels of the picture. */
interface Axis {
  readonly start: number
  readonly cell: number
  readonly parts: number
  readonly cells: number
  readonly length: number
}

function axisOf({ kind, width, height, base, patch }: View, length: number): Axis {
  const cells = base / patch
  const [short, long] = [Math.min(width, height), Math.max(width, height)]
  if (kind === 'stretch') return { start: 0, cell: length, parts: cells, cells, length }
  if (kind === 'pad') {
    return { start: -Math.floor((long - length) / 2) * cells, cell: long, parts: cells, cells, length }
  }
  const resized = length === short ? base : Math.floor((base * long) / short)
  const left = Math.floor((resized - base) / 2)
  return { start: left * length, cell: patch * length, parts: resized, cells, length }
}

/** The same as the engine's geometry. */
export function geometryOf(view: View): Geometry {
  const [x, y] = [axisOf(view, view.width), axisOf(view, view.height)]
  const length = ({ cell, cells, parts }: Axis): number => (cell * cells) / parts
  return {
    source: { width: view.width, height: view.height },
    view: { x: x.start / x.parts, y: y.start / y.parts, width: length(x), height: length(y) },
    grid: { rows: y.cells, columns: x.cells },
  }
}

/** In tenths: whole numbers. */
const ratios = [10, 12, 14, 16, 18, 20]

export interface PlainChoice {
  readonly crop: Box | null
  readonly reason: 'no signal' | 'nothing to crop' | null
  /** Whether something is exactly on the edge between two choices, so that rounding may take the other. */
  readonly close: boolean
}

/** The crop on a map of whole numbers [rows, columns]. */
export function plainCrop(view: View, values: readonly number[]): PlainChoice {
  const [x, y] = [axisOf(view, view.width), axisOf(view, view.height)]
  const isPadding = ({ start, cell, parts, length }: Axis, i: number): boolean =>
    start + (i + 1) * cell <= 0 || start + i * cell >= length * parts
  const value = (row: number, column: number): number =>
    isPadding(y, row) || isPadding(x, column) ? 0 : (values[row * x.cells + column] as number)

  let best: { stands: Fraction; window: Window; tenths: number } | null = null
  let close = false
  let edge = false
  for (const tenths of ratios) {
    const rows = windowCells(view.base * tenths, y)
    const columns = windowCells(view.base * tenths, x)
    edge ||= [x, y].some(axis => (view.base * tenths * axis.parts) % (10 * axis.cell) === 0)
    if (rows === y.cells && columns === x.cells) continue
    const sum = (row: number, column: number): number => {
      let total = 0
      for (let r = row; r < row + rows; r++) {
        for (let c = column; c < column + columns; c++) total += value(r, c)
      }
      return total
    }
    const window = largest(y.cells - rows, x.cells - columns, sum)
    const around = window.beside.map(([r, c]) => sum(r, c))
    const total = around.reduce((a, b) => a + b)
    const count = around.length
    const stands = { top: count * window.sum - total, bottom: count * rows * columns }
    const order = best === null ? 1 : compare(stands, best.stands)
    const same = best !== null && best.window.rows === rows && best.window.columns === columns
    close = order > 0 ? false : close || (order === 0 && !same)
    if (order > 0) best = { stands, tenths, window: { ...window, rows, columns } }
  }
  if (best === null) return { crop: null, reason: 'nothing to crop', close: edge }
  if (
    !standsOut(values.filter((_, i) => !isPadding(y, Math.floor(i / x.cells)) && !isPadding(x, i % x.cells)))
  )
    return { crop: null, reason: 'no signal', close: false }
  const half = Math.floor((view.base * best.tenths) / 20)
  edge ||= half !== Math.floor((view.base * (best.tenths / 10)) / 2)
  const { row, column, rows, columns } = best.window
  const [left, width] = side(x, column, columns, half)
  const [top, height] = side(y, row, rows, half)
  edge ||= isWhole(centreOf(x, column, columns)) || isWhole(centreOf(y, row, rows))
  return { crop: { x: left, y: top, width, height }, reason: null, close: close || edge }
}

/** Whether the largest value is above the mean by more than one part in ten thousand. */
function standsOut(seen: readonly number[]): boolean {
  const total = seen.reduce((a, b) => a + b)
  return Math.max(...seen) * seen.length * 10_000 > total * 10_001
}

interface Window {
  readonly row: number
  readonly column: number
  readonly rows: number
  readonly columns: number
}

interface Fraction {
  readonly top: number
  readonly bottom: number
}

const compare = (a: Fraction, b: Fraction): number => a.top * b.bottom - b.top * a.bottom

/** Cells in a tenth of `length` pixels: one at least, the map at most. */
const windowCells = (length: number, { cell, parts, cells }: Axis): number =>
  Math.min(Math.max(Math.floor((length * parts) / (10 * cell)), 1), cells)

/** The first position with the largest sum, and those one cell beside it. */
function largest(
  lastRow: number,
  lastColumn: number,
  sum: (row: number, column: number) => number,
): { row: number; column: number; sum: number; beside: [number, number][] } {
  let best = { row: 0, column: 0, sum: sum(0, 0) }
  for (let row = 0; row <= lastRow; row++) {
    for (let column = 0; column <= lastColumn; column++) {
      const here = sum(row, column)
      if (here > best.sum) best = { row, column, sum: here }
    }
  }
  const beside: [number, number][] = []
  if (best.row > 0) beside.push([best.row - 1, best.column])
  if (best.row < lastRow) beside.push([best.row + 1, best.column])
  if (best.column > 0) beside.push([best.row, best.column - 1])
  if (best.column < lastColumn) beside.push([best.row, best.column + 1])
  return { ...best, beside }
}

/** Begin and length of the square along one axis: about the centre, pushed inside, cut to the picture. */
function side(axis: Axis, first: number, cells: number, half: number): [number, number] {
  const { top, bottom } = centreOf(axis, first, cells)
  const centre = Math.trunc(top / bottom)
  let begin = centre - half
  if (begin + 2 * half > axis.length) begin = axis.length - 2 * half
  if (begin < 0) begin = 0
  return [begin, Math.min(2 * half, axis.length)]
}

const centreOf = ({ start, cell, parts }: Axis, first: number, cells: number): Fraction => ({
  top: 2 * start + (2 * first + cells) * cell,
  bottom: 2 * parts,
})

const isWhole = ({ top, bottom }: Fraction): boolean => top % bottom === 0
