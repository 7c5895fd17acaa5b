import { scoreOf } from '../report/cells.ts'
import { estimateScore, scoresOf, shareOfHuman } from '../report/compare.ts'
import type { Experiment, WayResults } from '../report/experiment.ts'
import { colourOf, factsOf, missingNotes, plainWays, titled } from '../report/facts.ts'
import { type SizeGroup, sizedQuestions, sizeGroups } from '../report/groups.ts'
import { paperModelOf, paperScoreBySize, table1 } from '../report/paper.ts'
import type { Figure, Table, TableRow } from '../report/table.ts'
import { cropByNames } from '../report/ways.ts'
import { hasBoxes, methodWays, type Study } from './study.ts'

/** Small things are missed, and a crop that shows them finds them. */
export const size: Study = {
  name: 'size',
  title: 'Size and the human crop',
  shows: "whether small things are missed, and what a crop does about it (the paper's table 1)",
  ways: ({ benchmark }) => (hasBoxes(benchmark) ? [...methodWays, { method: 'human' }] : []),
  needsRatios: false,
  view: experiments =>
    experiments.flatMap(experiment => {
      const groups = sizeGroups(experiment)
      const ways = plainWays(experiment)
      return groups.length === 0 || ways.length === 0
        ? []
        : [
            drawn(experiment, ways, groups),
            bySize(experiment, ways, groups),
            ...gained(experiment, ways, groups),
          ]
    }),
}

function bySize(experiment: Experiment, ways: readonly WayResults[], groups: readonly SizeGroup[]): Table {
  const { benchmark, model } = experiment
  const isPapers = benchmark.name === 'textvqa' && paperModelOf(model) !== null
  return {
    kind: 'table',
    title: titled(benchmark, 'score by size'),
    of: factsOf(experiment),
    rowsAre: 'method',
    columns: groups.map(({ name }) => name),
    rows: [
      ...ways.map(way => ({
        name: way.name,
        cells: groups.map(({ ids, size }) => {
          const paper = paperScoreBySize(model, benchmark.name, way.way.method, size)
          return scoreOf(experiment, way, ids, paper)
        }),
      })),
      ...(isPapers ? [] : paperRows(groups)),
    ],
    notes: [
      `Of ${sizedQuestions(benchmark.name)}; S is the share of the picture's area that the boxes have.`,
      ...(isPapers
        ? []
        : ['The paper has TextVQA, where things are small below 0.005 and large from 0.05 on.']),
      ...missingNotes(experiment, ways),
    ],
  }
}

/** What the paper found with LLaVA-1.5, for who tries another model or benchmark. */
const paperRows = (groups: readonly SizeGroup[]): TableRow[] =>
  table1
    .filter(({ model }) => model === 'LLaVA-1.5')
    .map(({ model, method, scores }) => ({
      name: `paper, ${model}, TextVQA: ${cropByNames[method]}`,
      cells: groups.map(({ size }) => ({ value: scores[size], unit: 'share' })),
      isPaper: true,
    }))

/** Which share of the human crop's gain each other way reaches. */
function gained(experiment: Experiment, ways: readonly WayResults[], groups: readonly SizeGroup[]): Table[] {
  const rows = ways
    .filter(({ way }) => way.method !== 'human')
    .map(way => ({ name: way.name, shares: groups.map(({ ids }) => shareOfHuman(experiment, way, ids)) }))
    .filter(({ shares }) => shares.some(share => share !== null))
  if (rows.length === 0) return []
  return [
    {
      kind: 'table',
      title: titled(experiment.benchmark, 'share of what the human crop gains, by size'),
      of: factsOf(experiment),
      rowsAre: 'method',
      columns: groups.map(({ name }) => name),
      rows: rows.map(({ name, shares }) => ({
        name,
        cells: shares.map(value => (value === null ? null : { value, unit: 'share' })),
      })),
      notes: [
        'Of the questions with a box that the plain answer, the human crop and the method all answered.',
      ],
    },
  ]
}

function drawn(experiment: Experiment, ways: readonly WayResults[], groups: readonly SizeGroup[]): Figure {
  return {
    kind: 'figure',
    title: titled(experiment.benchmark, 'score by size'),
    of: factsOf(experiment),
    caption: 'Score by size of the thing asked about, with 95 % intervals.',
    alt: groups
      .map(({ name, ids }) => {
        const each = ways.map(way => `${way.name} ${perCent(estimateScore(scoresOf(way, ids)).value)}`)
        return `${name}: ${each.join(', ')}.`
      })
      .join(' '),
    plot: {
      type: 'bars',
      bars: groups.flatMap(({ name, ids }) =>
        ways.map(way => {
          const { value, low, high } = estimateScore(scoresOf(way, ids))
          return { panel: name, name: way.name, colour: colourOf(way), value, low, high }
        }),
      ),
    },
  }
}

const perCent = (value: number): string => `${Math.round(100 * value)} %`
