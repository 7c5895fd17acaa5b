import type { Grid } from './geometry.ts'
import type { Box, Image } from './image.ts'

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

/** Square pictures of one size as the picture that they are tiles of. */
export function joinImages(tiles: readonly Image[], { rows, columns }: Grid): Image {
  const side = tiles[0]?.width ?? 0
  const line = 3 * side
  const data = new Uint8Array(rows * columns * side * line)
  for (const [i, tile] of tiles.entries()) {
    const [row, column] = [Math.floor(i / columns), i % columns]
    for (let y = 0; y < side; y++) {
      const to = ((row * side + y) * columns + column) * line
      data.set(tile.data.subarray(y * line, (y + 1) * line), to)
    }
  }
  return { width: columns * side, height: rows * side, data }
}

/** The left top part of square planes: [...,S,S] -> [...,U,U]. */
export function leftTop(planes: Float32Array, side: number, part: number): Float32Array {
  if (side === part) return planes
  const count = planes.length / side ** 2
  const parts = new Float32Array(count * part ** 2)
  for (let line = 0; line < count * part; line++) {
    const from = Math.floor(line / part) * side ** 2 + (line % part) * side
    parts.set(planes.subarray(from, from + part), line * part)
  }
  return parts
}
