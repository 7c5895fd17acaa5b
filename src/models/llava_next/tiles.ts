import { type Geometry, type Grid, tiling as tiled } from '../../image/geometry.ts'
import { type Box, cropImage, type Image, type Size } from '../../image/image.ts'
import { normaliseAll } from '../../image/preprocess.ts'
import { canvasOf, resize, resizeWindow } from '../../image/resize.ts'
import { joinTiles, tileBoxes } from '../../image/tiles.ts'
import type { PreparedImage, PreparedLevel } from '../model.ts'
import { type Span, selectBestResolution, sizeOnCanvas, unpadded } from './anyres.ts'
import type { GridPinpoints } from './config.ts'
import type { PixelValues } from './processor.ts'

// T tokens of a view, the last one a newline · S side of a view in pixels · H x W the canvas in pixels

/** What a model's tiles are like. */
export interface Tiling {
  readonly tilePx: number
  readonly patchPx: number
  /** Patches along a side of a tile. */
  readonly side: number
  readonly pinpoints: GridPinpoints
  readonly values: PixelValues
}

/** A picture on its canvas: `box` is where it lies there, the rest is padding. */
interface Placed {
  readonly canvas: Size
  readonly box: Box
  /** Tiles of the canvas, and its patches. */
  readonly tiles: Grid
  readonly patches: Grid
  readonly rows: Span
  readonly columns: Span
}

function place(picture: Size, { tilePx, side, pinpoints }: Tiling): Placed {
  const canvas = selectBestResolution(picture, pinpoints)
  const { width, height } = sizeOnCanvas(picture, canvas)
  const x = Math.floor((canvas.width - width) / 2)
  const y = Math.floor((canvas.height - height) / 2)
  const grid = { rows: canvas.height / tilePx, columns: canvas.width / tilePx }
  const patches = { rows: grid.rows * side, columns: grid.columns * side }
  return { canvas, box: { x, y, width, height }, tiles: grid, patches, ...unpadded(picture, patches) }
}

/** Positions that a picture takes: those of the whole, and of the tiles with a newline a row. */
export const positionsTaken = (picture: Size, tiling: Tiling): number => {
  const { rows, columns } = place(picture, tiling)
  return tiling.side ** 2 + rows.count * (columns.count + 1)
}

/**
 * The view of the whole, stretched to a square, and then the tiles of the canvas, row by row. The map has the canvas's
 * patches as its cells, padding included: the finest that the model sees of the picture.
 */
export function prepare(image: Image, tiling: Tiling): PreparedImage {
  const placed = place(image, tiling)
  const whole = resize(image, { width: tiling.tilePx, height: tiling.tilePx }, tiling.values.resample)
  const { box, canvas } = placed
  const window = { x: 0 - box.x, y: 0 - box.y, ...canvas }
  const onCanvas = resizeWindow(canvasOf(image), box, window, tiling.values.resample)
  const views = [whole, ...tileBoxes(placed.tiles, tiling.tilePx).map(tile => cropImage(onCanvas, tile))]
  const levels = [levelOfWhole(image, whole, tiling), levelOfTiles(image, onCanvas, placed, tiling)]
  return {
    pixelValues: normaliseAll(views, tiling.values),
    shape: [views.length, 3, tiling.tilePx, tiling.tilePx],
    feeds: {},
    texts: ['', ''],
    runs: [rowsOf(placed, tiling)],
    levels,
    geometry: levelGeometry(image, placed),
  }
}

/** Which rows of the views' features [B*T,C] stand in the prompt. */
function rowsOf({ tiles: grid, rows, columns }: Placed, { side }: Tiling): number[] {
  const newline = side ** 2
  const perView = newline + 1
  const run = Array.from({ length: newline }, (_, row) => row)
  for (let row = rows.first; row < rows.first + rows.count; row++) {
    for (let column = columns.first; column < columns.first + columns.count; column++) {
      const view = 1 + Math.floor(row / side) * grid.columns + Math.floor(column / side)
      run.push(view * perView + (row % side) * side + (column % side))
    }
    run.push(newline)
  }
  return run
}

function levelOfWhole(
  { width, height }: Size,
  input: Image,
  { side, patchPx, tilePx }: Tiling,
): PreparedLevel {
  return {
    input,
    cellPx: patchPx,
    geometry: tiled({ width, height }, { rows: side, columns: side }),
    positions: Array.from({ length: side ** 2 }, (_, position) => position),
    pixelsOf: gradient => gradient.subarray(0, 3 * tilePx ** 2),
  }
}

function levelOfTiles(picture: Size, input: Image, placed: Placed, tiling: Tiling): PreparedLevel {
  const { patches, rows, columns } = placed
  const first = tiling.side ** 2
  const positions = Array.from({ length: patches.rows * patches.columns }, (_, cell) => {
    const row = Math.floor(cell / patches.columns) - rows.first
    const column = (cell % patches.columns) - columns.first
    const isToken = row >= 0 && row < rows.count && column >= 0 && column < columns.count
    return isToken ? first + row * (columns.count + 1) + column : -1
  })
  return {
    input,
    cellPx: tiling.patchPx,
    geometry: levelGeometry(picture, placed),
    positions,
    pixelsOf: gradient => joinTiles(gradient.subarray(3 * tiling.tilePx ** 2), placed.tiles, tiling.tilePx),
  }
}

function levelGeometry({ width, height }: Size, { canvas, box, patches }: Placed): Geometry {
  const [across, down] = [width / box.width, height / box.height]
  return {
    source: { width, height },
    view: {
      x: -box.x * across,
      y: -box.y * down,
      width: canvas.width * across,
      height: canvas.height * down,
    },
    grid: patches,
  }
}

/**
 * The size that shows a crop in the most detail that room is left for. By itself the model enlarges nothing: it looks for the
 * canvas that wastes least, so that a crop of 336 x 336 pixels would have a token for 14 of them, as in many a whole picture.
 */
export function enlargedCrop({ width, height }: Size, room: number, tiling: Tiling): Size {
  const sizes = tiling.pinpoints.map(([canvasHeight, canvasWidth]): Size => {
    const scale = Math.min(canvasWidth / width, canvasHeight / height)
    return {
      width: Math.max(1, Math.round(width * scale)),
      height: Math.max(1, Math.round(height * scale)),
    }
  })
  const fitting = sizes.filter(size => positionsTaken(size, tiling) <= room)
  return fitting.reduce((best, size) => (areaOf(size) > areaOf(best) ? size : best), { width, height })
}

const areaOf = ({ width, height }: Size): number => width * height
