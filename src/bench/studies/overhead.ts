import { meanCell } from '../report/cells.ts'
import { estimateMean, mean, plainOf } from '../report/compare.ts'
import type { Answered, Experiment, WayResults } from '../report/experiment.ts'
import { factsOf, missingNotes, plainWays, titled } from '../report/facts.ts'
import { overheadSeconds } from '../report/paper.ts'
import type { Cell, Figure, Table, TableRow } from '../report/table.ts'
import { methodWays, type Study } from './study.ts'

/** What a crop costs in time. */
export const overhead: Study = {
  name: 'overhead',
  title: 'Time',
  shows: "how much longer a question takes with each method (the paper's table 4)",
  ways: () => methodWays,
  needsRatios: false,
  view: experiments => experiments.flatMap(view),
}

const stages = [
  { name: 'picture', colour: 'part-1', keys: ['encodeMs'] },
  { name: 'plain answer', colour: 'part-2', keys: ['plainAnswerMs'] },
  { name: 'map', colour: 'part-3', keys: ['encodeBlocksMs', 'mapMs'] },
  { name: 'answer with the crop', colour: 'part-4', keys: ['encodeCropMs', 'answerMs'] },
] as const
type Stage = (typeof stages)[number]

function view(experiment: Experiment): (Table | Figure)[] {
  const ways = plainWays(experiment).filter(
    ({ way }) => way.method === 'none' || way.method in overheadSeconds,
  )
  if (!ways.some(({ way }) => way.method !== 'none')) return []
  const of = factsOf(experiment)
  const bars = ways.flatMap(way =>
    stages.map(stage => ({ name: way.name, part: stage.name, value: mean(secondsOf(way, [stage])) })),
  )
  return [
    {
      kind: 'figure',
      title: titled(experiment, 'seconds a question'),
      of,
      caption: 'Mean time of a question by stage.',
      alt: ways.map(way => `${way.name}: ${mean(secondsOf(way, stages)).toFixed(2)} s.`).join(' '),
      plot: { type: 'parts', unit: 'seconds', parts: stages, bars },
    },
    {
      kind: 'table',
      title: titled(experiment, 'seconds a question'),
      of,
      rowsAre: 'method',
      columns: [...stages.map(({ name }) => name), 'in all', 'overhead'],
      rows: [...ways.map(way => timesOf(experiment, way)), ...paperRows],
      notes: [
        'Means. Overhead: in all, less what the plain answer to the same question takes. What is done once for all questions about a picture, such as its general description, is in none of them but the first.',
        "The paper's are of LLaVA-1.5 on a GPU.",
        ...missingNotes(experiment, ways),
      ],
    },
  ]
}

function timesOf(experiment: Experiment, way: WayResults): TableRow {
  const cells = [...stages.map(stage => [stage]), stages].map(of => secondsCell(secondsOf(way, of)))
  const plain = plainOf(experiment, way)
  const isPlain = plain === null || plain === way
  return { name: way.name, cells: [...cells, isPlain ? null : secondsCell(overheads(plain, way))] }
}

const secondsCell = (times: readonly number[]): Cell | null =>
  times.some(time => time !== 0) ? meanCell(estimateMean(times), 'seconds') : null

const overheads = (plain: WayResults, { answers }: WayResults): number[] =>
  [...answers].flatMap(([id, answered]) => {
    const other = plain.answers.get(id)
    return other === undefined ? [] : [secondsIn(answered, stages) - secondsIn(other, stages)]
  })

const secondsOf = ({ answers }: WayResults, of: readonly Stage[]): number[] =>
  [...answers.values()].map(answered => secondsIn(answered, of))

function secondsIn({ timings }: Answered, of: readonly Stage[]): number {
  const keys = of.flatMap(stage => stage.keys)
  return keys.reduce((sum, key) => sum + (timings[key] ?? 0) / 1000, 0)
}

const paperRows: readonly TableRow[] = Object.entries(overheadSeconds).map(([method, value]) => ({
  name: `paper, LLaVA-1.5: ${method}`,
  cells: [null, null, null, null, null, { value, unit: 'seconds' }],
  isPaper: true,
}))
