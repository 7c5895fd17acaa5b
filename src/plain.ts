import type { ImportanceMap } from './crop/select.ts'
import type { Timings } from './timer.ts'

// What a look holds, as JSON has it: on the command line, and in the server's responses.

/** A map with its values as plain numbers, of the digits that float32 has. */
export const plainMap = (map: ImportanceMap): Omit<ImportanceMap, 'values'> & { values: number[] } => ({
  ...map,
  values: Array.from(map.values, value => Number(value.toPrecision(7))),
})

export const roundedTimings = (timings: Timings): Timings =>
  Object.fromEntries(Object.entries(timings).map(([name, ms]) => [name, Number(ms.toFixed(2))]))
