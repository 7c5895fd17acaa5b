import { differenceCell } from '../report/cells.ts'
import { differenceFrom } from '../report/compare.ts'
import type { Experiment } from '../report/experiment.ts'
import { factsOf, missingNotes, plainWays, titled } from '../report/facts.ts'
import type { Table } from '../report/table.ts'
import { methodWays, type Study } from './study.ts'

/** Whether it is the place that counts, or any second look. */
export const controls: Study = {
  name: 'controls',
  title: 'Crops at random and from the centre',
  shows: 'whether it is the place of the crop that counts, or any second picture',
  ways: () => [...methodWays, { method: 'random', seed: 1 }, { method: 'centre' }],
  needsRatios: false,
  view: experiments => experiments.flatMap(view),
}

function view(experiment: Experiment): Table[] {
  const ways = plainWays(experiment)
  const columns = ways.filter(({ way }) => way.method === 'random' || way.method === 'centre')
  const rows = ways.filter(way => !columns.includes(way) && way.way.method !== 'none')
  if (columns.length === 0 || rows.length === 0) return []
  return [
    {
      kind: 'table',
      title: titled(experiment.benchmark, 'more than a crop anywhere'),
      of: factsOf(experiment),
      rowsAre: 'method',
      columns: columns.map(({ name }) => `against ${name}`),
      rows: rows.map(way => ({
        name: way.name,
        cells: columns.map(other => differenceCell(differenceFrom(other, way, null))),
      })),
      notes: missingNotes(experiment, columns),
    },
  ]
}
