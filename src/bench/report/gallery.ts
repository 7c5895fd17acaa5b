import { mapMethods } from '../../importance/method.ts'
import type { Provenance, Row } from '../row.ts'
import { sampleNumber } from '../sample.ts'
import { plainOf } from './compare.ts'
import { type Experiment, experimentKey, runOf, type WayResults } from './experiment.ts'
import { isDefault, wayKey } from './ways.ts'

// Questions to look at.

/** What a crop made of an answer; the failures first, as they teach most. */
export const outcomes = ['lost', 'both wrong', 'won'] as const
export type Outcome = (typeof outcomes)[number]

/** A question with the rows of its plain answer and of its answer with a crop. */
export interface Example {
  readonly outcome: Outcome
  readonly experiment: Experiment
  readonly way: WayResults
  readonly plain: Row
  readonly cropped: Row
}

type Chosen = Omit<Example, 'plain' | 'cropped'> & { readonly id: string }

/**
 * Chooses questions of each outcome and reads their rows.
 *
 * @param most of each outcome in each experiment
 */
export async function readExamples(
  experiments: readonly Experiment[],
  most: number,
  rows: AsyncIterable<Row>,
  runs: ReadonlyMap<string, Provenance>,
): Promise<Example[]> {
  const chosen = experiments.flatMap(experiment => choose(experiment, most))
  const found = await rowsOf(chosen, rows, runs)
  return chosen.flatMap(({ id, outcome, experiment, way }) => {
    const plain = found.get(keyOf(experiment.key, id, plainOf(experiment, way)!.way))
    const cropped = found.get(keyOf(experiment.key, id, way.way))
    return plain && cropped ? [{ outcome, experiment, way, plain, cropped }] : []
  })
}

/** A question shows up once in an outcome, with the first of the ways that had it; those drawn are the same each time. */
function choose(experiment: Experiment, most: number): Chosen[] {
  return outcomes.flatMap(outcome => {
    const ways = new Map<string, WayResults>()
    for (const way of experiment.ways) {
      const plain = plainOf(experiment, way)
      if (plain === null || !(way.way.method in mapMethods) || !isDefault(way.way)) continue
      for (const id of way.answers.keys())
        if (!ways.has(id) && outcomeOf(plain, way, id) === outcome) ways.set(id, way)
    }
    return [...ways]
      .map(([id, way]) => ({ id, way, outcome, experiment, number: sampleNumber(id, 1) }))
      .sort((a, b) => a.number - b.number)
      .slice(0, most)
  })
}

/** null where there is nothing to learn: not cropped, not counted, or right both times. */
function outcomeOf(plain: WayResults, { answers }: WayResults, id: string): Outcome | null {
  const [before, after] = [plain.answers.get(id)?.score.value, answers.get(id)?.score.value]
  if (before == null || after == null || answers.get(id)?.crop === null) return null
  if (after !== before) return after < before ? 'lost' : 'won'
  return after < 0.5 ? 'both wrong' : null
}

async function rowsOf(
  chosen: readonly Chosen[],
  rows: AsyncIterable<Row>,
  runs: ReadonlyMap<string, Provenance>,
): Promise<Map<string, Row>> {
  const wanted = new Set(
    chosen.flatMap(({ experiment, id, way }) =>
      [way, plainOf(experiment, way)!].map(of => keyOf(experiment.key, id, of.way)),
    ),
  )
  const found = new Map<string, Row>()
  if (wanted.size === 0) return found
  for await (const row of rows) {
    const key = keyOf(experimentKey(runOf(row, runs)), row.question.id, row.way)
    if (wanted.has(key)) found.set(key, row)
  }
  return found
}

const keyOf = (experiment: string, id: string, way: Row['way']): string =>
  JSON.stringify([experiment, id, wayKey(way)])
