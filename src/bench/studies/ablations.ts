import { differenceCell, scoreCell } from '../report/cells.ts'
import { differenceFrom, estimateScore, scoresOf } from '../report/compare.ts'
import type { Experiment, WayResults } from '../report/experiment.ts'
import { factsOf, missingNotes, titled } from '../report/facts.ts'
import { gainOfAllLayers, paperModelOf, withoutHighRes } from '../report/paper.ts'
import type { Cell, Table } from '../report/table.ts'
import { isDefault, wayKey } from '../report/ways.ts'
import type { Way } from '../row.ts'
import { hasLargePictures, methodWays, type Study } from './study.ts'

/** What the choice of layers, the blocks of large pictures, and the input gradient as its authors' code has it are good for. */
export const ablations: Study = {
  name: 'ablations',
  title: 'Layers, high resolution, variant',
  shows:
    "what the choice of layers and the blocks of high resolution are good for (the paper's table 3), and what its authors' code does otherwise",
  ways: ({ benchmark }) => [
    ...methodWays,
    { method: 'rel-att', layers: 'all' },
    { method: 'grad-att', layers: 'all' },
    { method: 'pure-grad', variant: 'code' },
    ...(hasLargePictures(benchmark)
      ? methodWays
          .filter(({ method }) => method !== 'none')
          .map(({ method }): Way => ({ method, highRes: 'off' }))
      : []),
  ],
  needsRatios: false,
  view: experiments => experiments.flatMap(view),
}

function view(experiment: Experiment): Table[] {
  const { benchmark, ways, model } = experiment
  const changed = ways.flatMap(way => {
    const { layers, connectorLayers, highRes, variant, ...rest } = way.way
    const asIs = ways.find(other => wayKey(other.way) === wayKey(rest))
    const isChanged = !isDefault(way.way) || variant === 'code'
    return isChanged && asIs !== undefined && rest.answerer === undefined ? [{ way, asIs }] : []
  })
  if (changed.length === 0) return []
  return [
    {
      kind: 'table',
      title: titled(benchmark, 'other layers, resolution, variant'),
      of: factsOf(experiment),
      rowsAre: 'way',
      columns: ['score', 'by default', 'difference'],
      rows: changed.map(({ way, asIs }) => ({
        name: way.name,
        cells: [
          scoreCell(estimateScore(scoresOf(way, null)), null, paperWithoutHighRes(experiment, way)),
          scoreCell(estimateScore(scoresOf(asIs, null))),
          besidePaper(experiment, way, differenceCell(differenceFrom(asIs, way, null))),
        ],
      })),
      notes: [
        `Default: layer ${model.layers.join(', ')} of ${model.layerCount}.`,
        ...missingNotes(
          experiment,
          changed.map(({ way }) => way),
        ),
      ],
    },
  ]
}

function paperWithoutHighRes({ benchmark, model }: Experiment, { way }: WayResults): number | null {
  const isPapers = benchmark.name === 'vstar' && paperModelOf(model) === 'LLaVA-1.5' && way.highRes === 'off'
  return (isPapers && way.layers === undefined && withoutHighRes[way.method]) || null
}

function besidePaper({ benchmark, model }: Experiment, { way }: WayResults, cell: Cell | null): Cell | null {
  const paperModel = paperModelOf(model)
  if (cell === null || benchmark.name !== 'textvqa' || paperModel === null || way.layers !== 'all')
    return cell
  const paper = gainOfAllLayers[paperModel]?.[way.method]
  return paper === undefined ? cell : { ...cell, paper }
}
