import { meanCell } from '../report/cells.ts'
import { type Estimate, estimateMean, type Some } from '../report/compare.ts'
import type { Experiment } from '../report/experiment.ts'
import { factsOf, titled } from '../report/facts.ts'
import { sizeGroups } from '../report/groups.ts'
import { type Figure, grouped, type Table } from '../report/table.ts'
import { hasBoxes, type Study } from './study.ts'

/** They know where to look, right or wrong. */
export const attention: Study = {
  name: 'attention',
  title: 'Attention by layer, right and wrong',
  shows: "whether models look at the right place even when they answer wrong (the paper's figure 3)",
  ways: ({ benchmark }) => (hasBoxes(benchmark) ? [{ method: 'none' }, { method: 'rel-att' }] : []),
  needsRatios: true,
  view: experiments => experiments.flatMap(view),
}

interface Layer {
  readonly right: Estimate
  readonly wrong: Estimate
}

/** Of all questions, and of small things alone: large ones are answered right more often, and no map lies wholly on them. */
function view(experiment: Experiment): (Table | Figure)[] {
  const small = sizeGroups(experiment).find(({ size }) => size === 'small')
  const parts = [
    { name: '', ids: null },
    ...(small === undefined ? [] : [{ ...small, name: ', small things' }]),
  ]
  return parts.flatMap(({ name, ids }) => {
    const layers = byLayer(experiment, ids)
    return layers.length === 0 ? [] : [drawn(experiment, layers, name), tableOf(experiment, layers, name)]
  })
}

function tableOf(experiment: Experiment, layers: readonly Layer[], part: string): Table {
  const [{ right, wrong }] = layers as readonly [Layer]
  return {
    kind: 'table',
    title: titled(experiment, `attention ratio by layer${part}`),
    of: factsOf(experiment),
    rowsAre: 'layer',
    columns: [`plain answer right (${grouped(right.n)})`, `plain answer wrong (${grouped(wrong.n)})`],
    rows: layers.map(({ right, wrong }, layer) => ({
      name: `${layer}`,
      cells: [meanCell(right, 'times'), meanCell(wrong, 'times')],
    })),
    notes: [meaning],
  }
}

function drawn(experiment: Experiment, layers: readonly Layer[], part: string): Figure {
  const all = (['right', 'wrong'] as const).filter(series => layers[0]![series].n > 0)
  return {
    kind: 'figure',
    title: titled(experiment, `attention ratio by layer${part}`),
    of: factsOf(experiment),
    caption: `${meaning} Bands are 95 % intervals of the mean.`,
    alt: `Highest ${all.map(series => `in layer ${peak(layers, series)} where the plain answer is ${series}`).join(', ')}.`,
    plot: {
      type: 'lines',
      x: 'layer',
      y: 'attention ratio',
      chance: 1,
      points: layers.flatMap((of, layer) =>
        all.map(series => {
          const { value, low, high } = of[series]
          return { series: `plain answer ${series}`, colour: series, x: layer, value, low, high }
        }),
      ),
    },
  }
}

const meaning =
  "How much more relative attention lies in the box than at a box's average place: 1 is chance. Right is a score of at least one half."

/** Behind a connector with layers of its own, the mean over these. Empty where no row has ratios, or no plain answer. */
function byLayer({ ways, questions, model }: Experiment, some: Some): Layer[] {
  const plain = ways.find(({ way }) => way.method === 'none' && way.answerer === undefined)
  const [right, wrong]: [number[][], number[][]] = [[], []]
  for (const [id, { ratios }] of questions) {
    const score = plain?.answers.get(id)?.score.value ?? null
    if (ratios === null || score === null || (some !== null && !some.has(id))) continue
    const layers = meanOverConnector(ratios, model.layerCount)
    if (layers.every(Number.isFinite)) (score >= 0.5 ? right : wrong).push(layers)
  }
  if (right.length + wrong.length === 0) return []
  const estimate = (of: readonly number[][], layer: number): Estimate =>
    estimateMean(of.map(layers => layers[layer] as number))
  return Array.from({ length: model.layerCount }, (_, layer) => ({
    right: estimate(right, layer),
    wrong: estimate(wrong, layer),
  }))
}

function meanOverConnector(ratios: readonly (number | null)[], layerCount: number): number[] {
  const width = ratios.length / layerCount
  return Array.from({ length: layerCount }, (_, layer) => {
    const of = ratios.slice(layer * width, (layer + 1) * width).map(ratio => ratio ?? Number.NaN)
    return of.reduce((sum, ratio) => sum + ratio, 0) / width
  })
}

function peak(layers: readonly Layer[], of: keyof Layer): string {
  const best = layers.reduce((a, b, layer) => (b[of].value > layers[a]![of].value ? layer : a), 0)
  return `${best} (${layers[best]![of].value.toFixed(1)})`
}
