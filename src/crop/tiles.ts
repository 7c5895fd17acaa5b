import type { Grid } from '../image/geometry.ts'
import type { Box, Size } from '../image/image.ts'

/** The largest side of a block, in source pixels (the paper's high-resolution variant). */
const maxBlockSide = 1024

/** Narrower pictures than this are not cut into squares of their width: there would be hundreds of them. */
const minBlockSide = 256

/**
 * Whether the map is made of blocks: `on` always, `auto` for pictures larger than a block of which the model is shown
 * less than they have. (The paper does so for V*, the benchmark whose pictures are of that size.)
 */
export const highResModes = ['auto', 'on', 'off'] as const
export type HighRes = (typeof highResModes)[number]

/**
 * The blocks that a map is made of; null where the picture is seen as a whole.
 * @param showsLess whether the model is shown less of the picture as a whole than it has
 */
export function blocksFor(picture: Size, mode: HighRes, showsLess: boolean): Blocks | null {
  const isLarge = Math.max(picture.width, picture.height) > maxBlockSide
  if (mode === 'off' || (mode === 'auto' && !(isLarge && showsLess))) return null
  const blocks = blocksOf(picture)
  return blocks.boxes.length === 1 ? null : blocks
}

/** A picture cut into a grid of blocks, row by row: [rows * columns]. */
export interface Blocks extends Grid {
  readonly boxes: readonly Box[]
}

/**
 * Cuts a picture into blocks that do not overlap, of at most 1024 pixels a side and as near to squares as whole numbers
 * of blocks allow. (The official code counts blocks by rounding down, so that a portrait of up to 1024 pixels has none,
 * and blocks of others can be larger than 1024.)
 */
export function blocksOf({ width, height }: Size): Blocks {
  const fewest = { rows: Math.ceil(height / maxBlockSide), columns: Math.ceil(width / maxBlockSide) }
  // The axis with the shorter blocks has its number of blocks, and with it the side that the others come nearest to.
  const side = Math.max(minBlockSide, Math.min(height / fewest.rows, width / fewest.columns))
  const rows = Math.max(fewest.rows, Math.round(height / side))
  const columns = Math.max(fewest.columns, Math.round(width / side))
  const boxes = spans(height, rows).flatMap(([y, bottom]) =>
    spans(width, columns).map(([x, right]) => ({ x, y, width: right - x, height: bottom - y })),
  )
  return { rows, columns, boxes }
}

/** An axis cut into parts of equal length, to the pixel. */
const spans = (length: number, parts: number): [from: number, to: number][] =>
  Array.from({ length: parts }, (_, i) => [
    Math.round((i * length) / parts),
    Math.round(((i + 1) * length) / parts),
  ])

/**
 * Maps of the blocks, side by side as the blocks are: [blocks][rows * columns] -> one map of the whole picture.
 *
 * Their common scale: each block's map has the mean 1, so that a cell counts by how far it stands out of its own block.
 * Without it a block that attends to nothing sharply, or whose answer is unsure, which makes gradients large, drowns the
 * others. (The official code joins them as they are; `docs/log.md` has what that costs.) A map without a finite mean above
 * 0 says nothing, and counts 0.
 *
 * @param cells rows and columns of each block's map
 */
export function joinMaps(maps: readonly Float32Array[], blocks: Grid, cells: Grid): Float32Array {
  const width = blocks.columns * cells.columns
  const joined = new Float32Array(blocks.rows * cells.rows * width)
  for (const [block, map] of maps.entries()) {
    const scaled = withMeanOne(map)
    const top = Math.floor(block / blocks.columns) * cells.rows
    const left = (block % blocks.columns) * cells.columns
    for (let row = 0; row < cells.rows; row++) {
      const line = scaled.subarray(row * cells.columns, (row + 1) * cells.columns)
      joined.set(line, (top + row) * width + left)
    }
  }
  return joined
}

function withMeanOne(map: Float32Array): Float32Array {
  const mean = map.reduce((sum, value) => sum + value, 0) / map.length
  const says = Number.isFinite(mean) && mean > 0
  return map.map(value => (says ? value / mean : 0))
}
