import { scoreOf } from '../report/cells.ts'
import type { Experiment } from '../report/experiment.ts'
import { factsOf, missingNotes, titled } from '../report/facts.ts'
import type { Table } from '../report/table.ts'
import { methodWays, type Study } from './study.ts'

/** Models that can only be reached over an API, cropped by a local one. */
export const answerer: Study = {
  name: 'answerer',
  title: 'Another model answers',
  shows: 'what crops from a local model gain for a model behind an endpoint',
  ways: ({ answerers }) => answerers.flatMap(name => methodWays.map(way => ({ ...way, answerer: name }))),
  needsRatios: false,
  view: experiments => experiments.flatMap(view),
}

function view(experiment: Experiment): Table[] {
  const ways = experiment.ways.filter(({ way }) => way.answerer !== undefined)
  if (ways.length === 0) return []
  return [
    {
      kind: 'table',
      title: titled(experiment.benchmark, 'answers of another model'),
      of: factsOf(experiment),
      rowsAre: 'way',
      columns: ['score'],
      rows: ways.map(way => ({ name: way.name, cells: [scoreOf(experiment, way, null)] })),
      notes: missingNotes(experiment, ways),
    },
  ]
}
