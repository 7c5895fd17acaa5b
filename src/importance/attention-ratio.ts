import type { ImportanceMap } from '../crop/select.ts'
import { pointToGrid } from '../image/geometry.ts'
import type { Box } from '../image/image.ts'

/**
 * How much more of a map lies on a thing than chance would put there (Zhang et al. 2025, section 4): the sum inside the
 * thing's box over the mean of that sum over every place that a box of its size has on the map. 1 is chance. The paper
 * takes it of relative attention; any map will do. Not a maximum: neither sum favours single high cells.
 *
 * The box is taken as the cells it touches, and its places are one cell apart.
 *
 * @param box of the thing, in source pixels
 * @returns at least 0; NaN where the map is 0 everywhere, or does not show the thing at all, as after a centre crop
 */
export function attentionRatio({ rows, columns, values, geometry }: ImportanceMap, box: Box): number {
  const from = pointToGrid(geometry, box.x, box.y)
  const to = pointToGrid(geometry, box.x + box.width, box.y + box.height)
  const down = touched(from.row, to.row, rows)
  const across = touched(from.column, to.column, columns)
  if (down === null || across === null) return Number.NaN
  const sumAt = (top: number, left: number): number => {
    let sum = 0
    for (let row = top; row < top + down.count; row++) {
      for (let column = left; column < left + across.count; column++)
        sum += values[row * columns + column] as number
    }
    return sum
  }
  let [total, places] = [0, 0]
  for (let top = 0; top + down.count <= rows; top++) {
    for (let left = 0; left + across.count <= columns; left++) {
      total += sumAt(top, left)
      places++
    }
  }
  return sumAt(down.first, across.first) / (total / places)
}

/** The cells of an axis that lie between two points, counted in cells; null if there is none. */
function touched(from: number, to: number, cells: number): { first: number; count: number } | null {
  const first = Math.max(0, Math.floor(from))
  const end = Math.min(cells, Math.ceil(to))
  return end > first ? { first, count: end - first } : null
}
