import { type PairedDifference, pairedDifference, pairScores } from '../metrics/paired.ts'
import type { Experiment, WayResults } from './experiment.ts'

// What is said of scores: the mean with its interval, and the difference from another way on the same questions.

/** Which questions; null: all. */
export type Some = ReadonlySet<string> | null

/** A mean, and where the true one lies with 95 % confidence. NaN without values. */
export interface Estimate {
  readonly value: number
  readonly n: number
  readonly low: number
  readonly high: number
}

/** The standard normal distribution has 95 % within this. */
const z = 1.959964

/**
 * The mean of scores of 0 to 1 with Wilson's interval, which holds near 0 and 1 too. Of graded scores it is wider than need be:
 * none spread more than those that are 0 or 1.
 */
export function estimateScore(values: readonly number[]): Estimate {
  const n = values.length
  const value = mean(values)
  const centre = (value + z ** 2 / (2 * n)) / (1 + z ** 2 / n)
  const half = (z / (1 + z ** 2 / n)) * Math.sqrt((value * (1 - value)) / n + z ** 2 / (4 * n ** 2))
  return { value, n, low: Math.max(0, centre - half), high: Math.min(1, centre + half) }
}

/** The mean of any numbers, with the normal distribution's interval. */
export function estimateMean(values: readonly number[]): Estimate {
  const n = values.length
  const value = mean(values)
  const squares = values.reduce((sum, one) => sum + (one - value) ** 2, 0)
  const half = z * Math.sqrt(squares / (n - 1) / n)
  return { value, n, low: value - half, high: value + half }
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** The scores of some questions that were answered and count. */
export const scoresOf = ({ answers }: WayResults, some: Some): number[] =>
  [...answers].flatMap(([id, { score }]) => (some === null || some.has(id) ? (score.value ?? []) : []))

/** What a way is compared with: the plain answers of who answers. */
export const plainOf = ({ ways }: Experiment, { way }: WayResults): WayResults | null =>
  ways.find(({ way: other }) => other.method === 'none' && other.answerer === way.answerer) ?? null

/** A difference on the questions that both ways answered. */
export interface Difference extends PairedDifference {
  readonly pairs: number
}

/** Fewer do for many pairs: an end of the interval is then uncertain by 4 % of its half. */
const resamplesFor = (pairs: number): number => (pairs > 5000 ? 1000 : 5000)

/** By how much `way` scores more than `other` on some questions. null if they have none in common. */
export function differenceFrom(other: WayResults, way: WayResults, some: Some): Difference | null {
  const pairs = pairScores(valuesOf(other, some), valuesOf(way, some))
  const count = pairs.first.length
  if (count === 0) return null
  return { ...pairedDifference(pairs, { resamples: resamplesFor(count) }), pairs: count }
}

const valuesOf = ({ answers }: WayResults, some: Some): ReadonlyMap<string, number | null> =>
  new Map(
    [...answers].flatMap(([id, { score }]) => (some === null || some.has(id) ? [[id, score.value]] : [])),
  )

/**
 * Which share of what the human crop gains over the plain answer a way gains, on the questions that all three answered and
 * that have a box to crop to. null where a person gains nothing.
 */
export function shareOfHuman(experiment: Experiment, way: WayResults, some: Some): number | null {
  const plain = plainOf(experiment, way)
  const human = experiment.ways.find(
    ({ way: other }) => other.method === 'human' && other.answerer === way.way.answerer,
  )
  if (plain === null || human === undefined || way.way.method === 'none') return null
  let [gained, possible] = [0, 0]
  for (const [id, { score, crop }] of human.answers) {
    const [most, own, least] = [score.value, scoreAt(way, id), scoreAt(plain, id)]
    if (crop === null || (some !== null && !some.has(id))) continue
    if (most === null || own === null || least === null) continue
    gained += own - least
    possible += most - least
  }
  return possible > 0 ? gained / possible : null
}

const scoreAt = ({ answers }: WayResults, id: string): number | null => answers.get(id)?.score.value ?? null
