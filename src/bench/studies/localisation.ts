import { meanCell } from '../report/cells.ts'
import { type Estimate, estimateMean, estimateScore, type Some } from '../report/compare.ts'
import type { Experiment, WayResults } from '../report/experiment.ts'
import { factsOf, plainWays, titled } from '../report/facts.ts'
import { sizedQuestions, sizeGroups } from '../report/groups.ts'
import type { Cell, Figure, Table } from '../report/table.ts'
import { hasBoxes, methodWays, type Study } from './study.ts'

/** "Looked right, read wrong" told from "looked wrong". */
export const localisation: Study = {
  name: 'localisation',
  title: 'Where they look',
  shows: 'whether maps are highest, and crops lie, where the answer is to be seen',
  ways: ({ benchmark }) => (hasBoxes(benchmark) ? methodWays : []),
  needsRatios: false,
  view: experiments => experiments.flatMap(view),
}

function view(experiment: Experiment): (Table | Figure)[] {
  const ways = plainWays(experiment).filter(
    ({ way, answers }) =>
      way.method !== 'none' && [...answers.values()].some(({ localisation }) => localisation !== null),
  )
  if (ways.length === 0) return []
  const { benchmark } = experiment
  const of = factsOf(experiment)
  const sizes = sizeGroups(experiment)
  const measured = (name: string, measure: Measure, ofWays: readonly WayResults[]): Table => ({
    kind: 'table',
    title: titled(benchmark, name),
    of,
    rowsAre: 'method',
    columns: ['all', ...sizes.map(group => group.name)],
    rows: ofWays.map(way => ({
      name: way.name,
      cells: [null, ...sizes.map(({ ids }) => ids)].map(some => measure(way, some)),
    })),
    notes: [`By size: ${sizedQuestions(benchmark.name)}.`],
  })
  const withMaps = ways.filter(({ answers }) =>
    [...answers.values()].some(({ localisation }) => localisation?.pointed != null),
  )
  return [
    ...(withMaps.length === 0
      ? []
      : [
          measured('attention ratio of the map, 1 is chance', ratio, withMaps),
          measured("the map's highest cell touches a box", pointed, withMaps),
        ]),
    measured('share of the box inside the crop, where there is one', covered, ways),
    coverFigure(experiment, ways),
  ]
}

type Measure = (way: WayResults, some: Some) => Cell | null

const ratio: Measure = (way, some) =>
  meanCell(
    estimate(way, some, ({ attentionRatio }) => attentionRatio, estimateMean),
    'times',
  )

const pointed: Measure = (way, some) =>
  meanCell(
    estimate(way, some, one => (one.pointed === null ? null : Number(one.pointed)), estimateScore),
    'share',
  )

const covered: Measure = (way, some) =>
  meanCell(
    estimate(way, some, one => one.covered, estimateScore),
    'share',
  )

type Looked = NonNullable<
  (WayResults['answers'] extends ReadonlyMap<string, infer A> ? A : never)['localisation']
>

function estimate(
  { answers }: WayResults,
  some: Some,
  read: (looked: Looked) => number | null,
  of: (values: readonly number[]) => Estimate,
): Estimate {
  const values = [...answers].flatMap(([id, { localisation }]) => {
    const value = localisation !== null && (some === null || some.has(id)) ? read(localisation) : null
    // Of a thing that the model is not shown there is no ratio.
    return value !== null && Number.isFinite(value) ? [value] : []
  })
  return of(values)
}

/** How much of a box a crop has, in words, the most first. */
const covers = [
  { name: 'all of it', colour: 'part-1' },
  { name: 'at least half', colour: 'part-2' },
  { name: 'less', colour: 'part-3' },
  { name: 'nothing', colour: 'part-4' },
  { name: 'no crop', colour: 'part-5' },
] as const
type Cover = (typeof covers)[number]['name']

function coverOf(covered: number | null): Cover {
  if (covered === null) return 'no crop'
  if (covered > 0.999) return 'all of it'
  if (covered >= 0.5) return 'at least half'
  return covered > 0 ? 'less' : 'nothing'
}

function coverFigure(experiment: Experiment, ways: readonly WayResults[]): Figure {
  const bars = ways.flatMap(({ name, answers }) => {
    const all = [...answers.values()].flatMap(({ localisation }) => localisation ?? [])
    return covers.map(part => {
      const count = all.filter(({ covered }) => coverOf(covered) === part.name).length
      return { name, part: part.name, value: count / all.length }
    })
  })
  const wholly = bars.filter(({ part }) => part === 'all of it')
  return {
    kind: 'figure',
    title: titled(experiment.benchmark, 'how much of the box the crop has'),
    of: factsOf(experiment),
    caption: 'Questions with a box, by how much of it lies inside the crop.',
    alt: `All of it: ${wholly.map(({ name, value }) => `${name} ${Math.round(100 * value)} %`).join(', ')}.`,
    plot: { type: 'parts', unit: 'share', parts: covers, bars },
  }
}
