import { type Grid, tiling as tiled } from '../../image/geometry.ts'
import { cropImage, type Image, type Size } from '../../image/image.ts'
import { normaliseAll } from '../../image/preprocess.ts'
import { resize } from '../../image/resize.ts'
import { joinImages, joinTiles, leftTop, tileBoxes } from '../../image/tiles.ts'
import { InputError } from '../../input-error.ts'
import type { PreparedImage, PreparedLevel } from '../model.ts'
import { type Idefics3Processor, withLongestEdge } from './processor.ts'

// S side of a view in pixels, U the part of it that whole tokens see · n tokens along a side of a view

/** What a model's tiles are like. */
export interface Tiling extends Idefics3Processor {
  readonly tilePx: number
  /** Side of a token, in pixels of a tile. */
  readonly cellPx: number
  /** Tokens along a side of a tile. */
  readonly side: number
}

/** Published processors make up to 36; a picture of that many tiles has no room in any prompt. */
const maxTiles = 256

/** Where a picture is cut: the size that it is brought to in one or two steps, and the tiles of that; null: none. */
export function placeTiles(
  picture: Size,
  { resized, splits, tilePx }: Tiling,
): { first: Size; last: Size; tiles: Grid | null } {
  const first = resized?.(picture) ?? picture
  const last = splits ? inWholeTiles(first, tilePx) : { width: tilePx, height: tilePx }
  const tiles = { rows: last.height / tilePx, columns: last.width / tilePx }
  const count = tiles.rows * tiles.columns
  if (count > maxTiles)
    throw new InputError(
      `picture: makes ${count} tiles, at most ${maxTiles} are taken. Give a smaller picture.`,
    )
  return { first, last, tiles: count === 1 ? null : tiles }
}

/** The longer side rounded up to whole tiles, the other one in proportion to that and rounded up as well. */
function inWholeTiles({ width, height }: Size, tilePx: number): Size {
  const whole = (length: number): number => Math.ceil(length / tilePx) * tilePx
  const aspect = width / height
  return width >= height
    ? { width: whole(width), height: whole(Math.trunc(whole(width) / aspect)) }
    : { width: whole(Math.trunc(whole(height) * aspect)), height: whole(height) }
}

/** Positions that a picture's rows take, the texts between them not counted. */
export function positionsTaken(picture: Size, tiling: Tiling): number {
  const { tiles } = placeTiles(picture, tiling)
  return tiling.side ** 2 * (tiles === null ? 1 : tiles.rows * tiles.columns + 1)
}

/**
 * The tiles of the picture, row by row, and then the whole in one view; all of them stretched. The map has the tokens of the
 * tiles as its cells. Where patches do not fill a tile, as 27 of 14 pixels do not fill 384, its last pixels are seen by no
 * token; cells are laid out evenly all the same, and a token is shown off its place by less than a patch of the tile.
 */
export function prepare(image: Image, tiling: Tiling): PreparedImage {
  const { tilePx, values } = tiling
  const { first, last, tiles } = placeTiles(image, tiling)
  const resized = resize(resize(image, first, values.resample), last, values.resample)
  const parts = tiles === null ? [] : tileBoxes(tiles, tilePx).map(box => cropImage(resized, box))
  const views = [...parts, resize(resized, { width: tilePx, height: tilePx }, values.resample)]
  const whole = levelOf(image, views.slice(parts.length), { rows: 1, columns: 1 }, parts.length, tiling)
  const levels = tiles === null ? [whole] : [levelOf(image, parts, tiles, 0, tiling), whole]
  const perView = tiling.side ** 2
  return {
    pixelValues: normaliseAll(views, values),
    shape: [views.length, 3, tilePx, tilePx],
    feeds: {},
    texts: textsOf(tiles),
    runs: views.map((_, view) => Array.from({ length: perView }, (_, i) => view * perView + i)),
    levels,
    geometry: (levels[0] as PreparedLevel).geometry,
  }
}

/** What stands before, between and after the views' tokens: a row of tiles ends with a line. */
function textsOf(tiles: Grid | null): string[] {
  const whole = `${aroundImage}<global-img>`
  if (tiles === null) return [whole, aroundImage]
  const names = Array.from({ length: tiles.rows * tiles.columns }, (_, i) => {
    const [row, column] = [Math.floor(i / tiles.columns), i % tiles.columns]
    const isNewLine = column === 0 && row > 0
    return `${isNewLine ? '\n' : ''}${aroundImage}<row_${row + 1}_col_${column + 1}>`
  })
  return [...names, `\n\n${whole}`, aroundImage]
}

const aroundImage = '<fake_token_around_image>'

/** Views side by side as one level, of which the pixels that tokens see are kept. */
function levelOf(
  picture: Size,
  views: readonly Image[],
  grid: Grid,
  firstView: number,
  { tilePx, cellPx, side }: Tiling,
): PreparedLevel {
  const seen = side * cellPx
  const seenBox = { x: 0, y: 0, width: seen, height: seen }
  const cells = { rows: grid.rows * side, columns: grid.columns * side }
  const positions = Array.from({ length: cells.rows * cells.columns }, (_, cell) => {
    const [row, column] = [Math.floor(cell / cells.columns), cell % cells.columns]
    const view = firstView + Math.floor(row / side) * grid.columns + Math.floor(column / side)
    return view * side ** 2 + (row % side) * side + (column % side)
  })
  const { width, height } = picture
  return {
    input: joinImages(
      views.map(view => cropImage(view, seenBox)),
      grid,
    ),
    cellPx,
    geometry: tiled({ width, height }, cells),
    positions,
    pixelsOf(gradient) {
      const size = 3 * tilePx ** 2
      const own = gradient.subarray(firstView * size, (firstView + views.length) * size)
      return joinTiles(leftTop(own, tilePx, seen), grid, seen)
    },
  }
}

/**
 * The size that a crop is brought to where the processor does not resize: that of the picture on its longer side. As published
 * it brings everything to one length, and a crop is enlarged by that.
 */
export function enlargedCrop(crop: Size, picture: Size, room: number, tiling: Tiling): Size {
  if (tiling.resized !== null || !tiling.splits) return crop
  const enlarged = withLongestEdge(crop, Math.max(picture.width, picture.height))
  return positionsTaken(enlarged, tiling) <= room ? enlarged : crop
}
