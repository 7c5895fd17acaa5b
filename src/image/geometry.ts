import type { Box, Size } from './image.ts'

// The one place where cells of a model's map become source pixels and back. Legend: a `box` and (x, y) are in source
// pixels, fractions allowed; `row` and `column` count cells from the left top.

/**
 * Where a map's cells lie on the picture. `view` is the rectangle of the source plane that fills the model's input:
 * smaller than the picture after a centre crop, larger after padding, equal after stretching.
 */
export interface Geometry {
  readonly source: Size
  readonly view: Box
  readonly grid: Grid
}

export interface Grid {
  readonly rows: number
  readonly columns: number
}

export interface Cell {
  readonly row: number
  readonly column: number
}

/** One cell, in source pixels. */
export const cellSize = ({ view, grid }: Geometry): Size => ({
  width: view.width / grid.columns,
  height: view.height / grid.rows,
})

/** The box that a cell covers; with `extent`, the block of cells of which it is the left top one. */
export function cellToBox(geometry: Geometry, cell: Cell, extent: Grid = { rows: 1, columns: 1 }): Box {
  const { width, height } = cellSize(geometry)
  return {
    x: geometry.view.x + cell.column * width,
    y: geometry.view.y + cell.row * height,
    width: extent.columns * width,
    height: extent.rows * height,
  }
}

/** A point in cells, as fractions: the centre of the first cell is (0.5, 0.5). Not bounded by the grid. */
export function pointToGrid(geometry: Geometry, x: number, y: number): Cell {
  const { width, height } = cellSize(geometry)
  return { row: (y - geometry.view.y) / height, column: (x - geometry.view.x) / width }
}

/** The cell that covers a point, in the picture or in its padding; null where the model sees nothing. */
export function pointToCell(geometry: Geometry, x: number, y: number): Cell | null {
  const point = pointToGrid(geometry, x, y)
  const cell = { row: Math.floor(point.row), column: Math.floor(point.column) }
  const { rows, columns } = geometry.grid
  return cell.row >= 0 && cell.row < rows && cell.column >= 0 && cell.column < columns ? cell : null
}

/** The share of each cell's area that a box covers, 0 to 1: [rows, columns]. */
export function overlap(geometry: Geometry, box: Box): Float32Array {
  const { rows, columns } = geometry.grid
  const from = pointToGrid(geometry, box.x, box.y)
  const to = pointToGrid(geometry, box.x + box.width, box.y + box.height)
  const shares = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const height = lengthInCell(row, from.row, to.row)
    for (let column = 0; column < columns; column++) {
      shares[row * columns + column] = height * lengthInCell(column, from.column, to.column)
    }
  }
  return shares
}

const lengthInCell = (cell: number, from: number, to: number): number =>
  Math.max(0, Math.min(cell + 1, to) - Math.max(cell, from))

/** The share of each cell that shows the picture: 1 inside, 0 in the padding, between them at the seam. */
export const pictureShare = (geometry: Geometry): Float32Array =>
  overlap(geometry, wholePicture(geometry.source))

/**
 * A map on another grid of the same picture: what a cell has is divided among the cells that lie in it, by area, so that
 * sums stay as they are. What lies outside the other grid is lost.
 *
 * @param values [rows, columns] of `from`, row by row
 * @returns [rows, columns] of `to`
 */
export function spread(values: Float32Array, from: Geometry, to: Geometry): Float32Array {
  const [rows, columns] = [sharesOf(from, to, 'rows'), sharesOf(from, to, 'columns')]
  const spreadOut = new Float32Array(to.grid.rows * to.grid.columns)
  for (const [fromRow, toRow, downShare] of rows) {
    for (const [fromColumn, toColumn, acrossShare] of columns) {
      const at = toRow * to.grid.columns + toColumn
      const value = values[fromRow * from.grid.columns + fromColumn] as number
      spreadOut[at] = (spreadOut[at] as number) + downShare * acrossShare * value
    }
  }
  return spreadOut
}

/** Less of a cell than this lies in another by rounding alone. */
const rounding = 1e-9

/** Along an axis: which share of each cell of `from` lies in which cell of `to`, where it is not 0. */
function sharesOf(
  from: Geometry,
  to: Geometry,
  axis: keyof Grid,
): [from: number, to: number, share: number][] {
  const [start, length] = axis === 'rows' ? (['y', 'height'] as const) : (['x', 'width'] as const)
  const scale = from.view[length] / from.grid[axis] / (to.view[length] / to.grid[axis])
  const offset = ((from.view[start] - to.view[start]) / to.view[length]) * to.grid[axis]
  const shares: [number, number, number][] = []
  for (let i = 0; i < from.grid[axis]; i++) {
    const [begin, end] = [offset + i * scale, offset + (i + 1) * scale]
    for (let j = Math.max(0, Math.floor(begin)); j < Math.min(to.grid[axis], end); j++) {
      const share = lengthInCell(j, begin, end) / scale
      if (share > rounding) shares.push([i, j, share])
    }
  }
  return shares
}

/** Whether all of the picture lies in the view, but for less than a pixel at each edge. */
export const showsAll = ({ source, view }: Geometry): boolean =>
  view.x < 1 &&
  view.y < 1 &&
  view.x + view.width > source.width - 1 &&
  view.y + view.height > source.height - 1

/** The picture as a box. */
export const wholePicture = ({ width, height }: Size): Box => ({ x: 0, y: 0, width, height })

/** The cells of a grid that tile a picture. */
export const tiling = (source: Size, grid: Grid): Geometry => ({ source, view: wholePicture(source), grid })

/** How many cells the picture has, those in padding left out. */
export function gridOfPicture(geometry: Geometry): Grid {
  const { width, height } = cellSize(geometry)
  const { source } = geometry
  return {
    rows: Math.max(1, Math.round(source.height / height)),
    columns: Math.max(1, Math.round(source.width / width)),
  }
}

/** The same map on the picture enlarged `factor` times. */
export const scaleGeometry = ({ source, view, grid }: Geometry, factor: number): Geometry => ({
  source: { width: source.width * factor, height: source.height * factor },
  view: scaleBox(view, factor),
  grid,
})

export const scaleBox = ({ x, y, width, height }: Box, factor: number): Box => ({
  x: x * factor,
  y: y * factor,
  width: width * factor,
  height: height * factor,
})
