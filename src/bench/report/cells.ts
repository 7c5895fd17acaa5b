import {
  type Difference,
  differenceFrom,
  type Estimate,
  estimateScore,
  plainOf,
  type Some,
  scoresOf,
} from './compare.ts'
import type { Experiment, WayResults } from './experiment.ts'
import type { Cell, Unit } from './table.ts'

/** The score of a way on some questions, and its difference from the plain answers. */
export function scoreOf(
  experiment: Experiment,
  way: WayResults,
  some: Some,
  paper: number | null = null,
): Cell {
  const plain = plainOf(experiment, way)
  const difference = plain === null || plain === way ? null : differenceFrom(plain, way, some)
  return scoreCell(estimateScore(scoresOf(way, some)), difference, paper)
}

/** A cell with a score. */
export const scoreCell = (
  { value, n, low, high }: Estimate,
  difference: Difference | null = null,
  paper: number | null = null,
): Cell => ({
  value,
  unit: 'share',
  n,
  low,
  high,
  ...(difference && { difference }),
  ...(paper !== null && { paper }),
})

/** A cell with the difference between two ways. */
export const differenceCell = (difference: Difference | null): Cell | null =>
  difference && {
    value: difference.difference,
    unit: 'points',
    n: difference.pairs,
    low: difference.low,
    high: difference.high,
    difference,
  }

/** A cell of a mean. null where there is nothing to take the mean of. */
export const meanCell = ({ value, n, low, high }: Estimate, unit: Unit): Cell | null =>
  n === 0 ? null : { value, unit, n, ...(n > 1 && { low, high }) }
