import { differenceCell, meanCell } from '../report/cells.ts'
import { differenceFrom, estimateScore } from '../report/compare.ts'
import { describeSettings, type Experiment, experimentsBy, type WayResults } from '../report/experiment.ts'
import { factsOf, missingNotes, plainWays, titled } from '../report/facts.ts'
import type { Cell, Table } from '../report/table.ts'
import { wayKey } from '../report/ways.ts'
import type { Study } from './study.ts'

/** The same questions in the same ways under other settings, such as weights in fewer bits. */
export const settings: Study = {
  name: 'settings',
  title: 'Settings',
  shows: 'what other settings, such as weights in fewer bits, change; of folders with several',
  ways: () => [],
  needsRatios: false,
  view: experiments =>
    experimentsBy(experiments, ({ benchmark, edition }) => `${benchmark.name} ${edition}`).flatMap(
      ([first, ...others]) => others.flatMap(other => compared(first as Experiment, other)),
    ),
}

function compared(first: Experiment, other: Experiment): Table[] {
  const pairs = plainWays(other).flatMap(way => {
    const before = first.ways.find(one => wayKey(one.way) === wayKey(way.way))
    return before === undefined ? [] : [{ way, before }]
  })
  if (pairs.length === 0) return []
  return [
    {
      kind: 'table',
      title: titled(other, `against ${describeSettings(first.settings)}`),
      of: factsOf(other),
      rowsAre: 'method',
      columns: ['difference', 'the same crop'],
      rows: pairs.map(({ way, before }) => ({
        name: way.name,
        cells: [differenceCell(differenceFrom(before, way, null)), sameCrops(before, way)],
      })),
      notes: missingNotes(other),
    },
  ]
}

/** How often both crop alike, of the questions that both answered. */
function sameCrops(before: WayResults, { answers }: WayResults): Cell | null {
  const same = [...answers].flatMap(([id, { crop }]) => {
    const other = before.answers.get(id)
    return other === undefined ? [] : [Number(JSON.stringify(other.crop) === JSON.stringify(crop))]
  })
  return before.way.method === 'none' ? null : meanCell(estimateScore(same), 'share')
}
