import type { ImportanceMap } from '../crop/select.ts'
import type { StoredMap } from './row.ts'

/** A map in a byte a cell: 255 where it is largest, and 0 everywhere for one that is so or has no largest value. */
export function storeMap({ rows, columns, values, geometry }: ImportanceMap): StoredMap {
  const most = values.reduce((a, b) => Math.max(a, b), 0)
  const levels = Array.from(values, value => (most > 0 ? Math.round((255 * value) / most) : 0))
  return { rows, columns, geometry, levels: btoa(levels.map(level => String.fromCharCode(level)).join('')) }
}
