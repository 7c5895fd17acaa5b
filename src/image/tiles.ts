import type { Grid } from './geometry.ts'
import type { Box } from './image.ts'

// A plane cut into square tiles, row by row. S side of a tile · R x C tiles

/** Where each tile lies. */
export const tileBoxes = ({ rows, columns }: Grid, side: number): Box[] =>
  Array.from({ length: rows * columns }, (_, i) => ({
    x: (i % columns) * side,
    y: Math.floor(i / columns) * side,
    width: side,
    height: side,
  }))

/** Tiles [R*C,3,S,S] as the plane that they were cut from: [3,R*S,C*S]. */
export function joinTiles(tiles: Float32Array, { rows, columns }: Grid, side: number): Float32Array {
  const joined = new Float32Array(tiles.length)
  const [width, plane] = [columns * side, rows * columns * side * side]
  for (let line = 0; line * side < tiles.length; line++) {
    const [tile, channel, y] = [Math.floor(line / (3 * side)), Math.floor(line / side) % 3, line % side]
    const top = Math.floor(tile / columns) * side
    const to = channel * plane + (top + y) * width + (tile % columns) * side
    joined.set(tiles.subarray(line * side, (line + 1) * side), to)
  }
  return joined
}
