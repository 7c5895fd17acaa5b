import type { ImportanceMap } from '../../crop/select.ts'
import { cellToBox } from '../../image/geometry.ts'
import type { Box } from '../../image/image.ts'
import { attentionRatio } from '../../importance/attention-ratio.ts'
import type { Localisation } from '../question.ts'

/**
 * Whether the model looked where the answer is.
 *
 * @param boxes of what has to be seen, in source pixels
 * @returns null where nobody marked a box
 */
export function localisation(
  importance: ImportanceMap | null,
  crop: Box | null,
  boxes: readonly Box[],
): Localisation | null {
  if (boxes.length === 0) return null
  return {
    attentionRatio: importance && meanAttentionRatio(importance, boxes),
    pointed: importance && isPointedAt(importance, boxes),
    covered: crop && mean(boxes.map(box => coverage(box, crop))),
  }
}

/** The mean over the boxes that the map shows; NaN if it shows none, or is 0 everywhere. */
export function meanAttentionRatio(importance: ImportanceMap, boxes: readonly Box[]): number {
  return mean(boxes.map(box => attentionRatio(importance, box)).filter(Number.isFinite))
}

/** Whether the map's highest cell, the first of equals, touches one of the boxes: the pointing game. */
export function isPointedAt({ values, geometry, columns }: ImportanceMap, boxes: readonly Box[]): boolean {
  const peak = values.indexOf(values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY))
  if (peak === -1) return false
  const cell = cellToBox(geometry, { row: Math.floor(peak / columns), column: peak % columns })
  return boxes.some(box => sharedArea(cell, box) > 0)
}

/** The share of a box that lies inside a crop, 0 to 1. */
export const coverage = (box: Box, crop: Box): number => sharedArea(box, crop) / (box.width * box.height)

/** The area that two boxes share, in square pixels. */
function sharedArea(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
  return Math.max(width, 0) * Math.max(height, 0)
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
