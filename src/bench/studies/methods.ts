import { yesNoFigures } from '../metrics/yes-no.ts'
import type { YesNo } from '../question.ts'
import { scoreOf } from '../report/cells.ts'
import { type Some, shareOfHuman } from '../report/compare.ts'
import {
  describeSettings,
  type Experiment,
  experimentsBy,
  failureText,
  type WayResults,
} from '../report/experiment.ts'
import { factsOf, missingNotes, plainWays, titled } from '../report/facts.ts'
import { tagGroups } from '../report/groups.ts'
import { paperScore } from '../report/paper.ts'
import { type Cell, grouped, type Table, type TableRow } from '../report/table.ts'
import { methodWays, type Study } from './study.ts'

/** What each method gains on each benchmark. */
export const methods: Study = {
  name: 'methods',
  title: 'Methods by benchmark',
  shows: "what each method gains over the plain answer on each benchmark (the paper's table 2)",
  ways: () => methodWays,
  needsRatios: false,
  view: experiments => [
    ...overview(experiments),
    ...experiments.flatMap(experiment => {
      const ways = plainWays(experiment)
      return ways.length === 0
        ? []
        : [ofWays(experiment, ways), ...yesNoTables(experiment, ways), ...byTags(experiment, ways)]
    }),
  ],
}

/** Rows of methods, columns of benchmarks, as the paper has it: a table for each setting with several benchmarks. */
function overview(experiments: readonly Experiment[]): Table[] {
  const bySettings = experimentsBy(experiments, ({ settings }) => describeSettings(settings))
  return bySettings.filter(of => of.length > 1).map(overviewOf)
}

function overviewOf(experiments: readonly Experiment[]): Table {
  const columns = experiments.map(experiment => ({ experiment, ways: plainWays(experiment) }))
  const names = [...new Set(columns.flatMap(({ ways }) => ways.map(({ name }) => name)))]
  const facts = experiments.map(factsOf)
  return {
    kind: 'table',
    title: 'Methods by benchmark',
    of: {
      ...facts[0]!,
      benchmark: facts.map(({ benchmark }) => benchmark).join(', '),
      questions: facts.reduce((sum, { questions }) => sum + questions, 0),
      scorer: [...new Set(facts.map(({ scorer }) => scorer))].join('; '),
    },
    rowsAre: 'method',
    columns: experiments.map(({ benchmark, questions }) => `${benchmark.name} (${grouped(questions.size)})`),
    rows: names.map(name => ({
      name,
      cells: columns.map(({ experiment, ways }) => {
        const way = ways.find(one => one.name === name)
        return way === undefined ? null : scoreBesidePaper(experiment, way)
      }),
    })),
    notes: [],
  }
}

const scoreBesidePaper = (experiment: Experiment, way: WayResults): Cell =>
  scoreOf(experiment, way, null, paperScore(experiment.model, experiment.benchmark.name, way.way.method))

/** Everything there is to say of each way, in a table. */
function ofWays(experiment: Experiment, ways: readonly WayResults[]): Table {
  const rows = ways.map(way => ({ name: way.name, cells: statistics(experiment, way) }))
  return {
    kind: 'table',
    title: titled(experiment.benchmark, 'methods'),
    of: factsOf(experiment),
    rowsAre: 'method',
    columns: [
      'questions',
      'score',
      'against no crop',
      'won',
      'lost',
      "McNemar's p",
      "of the human crop's gain",
    ],
    rows,
    notes: [...boxNotes(ways), ...missingNotes(experiment, ways), ...failedNotes(experiment)],
  }
}

function statistics(experiment: Experiment, way: WayResults): (Cell | null)[] {
  const { difference, n = 0, ...score } = scoreBesidePaper(experiment, way)
  const human = shareOfHuman(experiment, way, null)
  return [
    { value: n, unit: 'count' },
    { ...score, n },
    ...(difference === undefined
      ? [null, null, null, null]
      : ([
          {
            value: difference.difference,
            unit: 'points',
            n: difference.pairs,
            low: difference.low,
            high: difference.high,
          },
          { value: difference.won, unit: 'count' },
          { value: difference.lost, unit: 'count' },
          { value: difference.p, unit: 'p' },
        ] satisfies Cell[])),
    human === null ? null : { value: human, unit: 'share' },
  ]
}

const boxNotes = (ways: readonly WayResults[]): string[] =>
  ways.some(({ answers }) => [...answers.values()].some(({ cropReason }) => cropReason === 'no box'))
    ? ['Where there is no box, the plain answer stands for the human crop.']
    : []

/** Of many questions that failed, the first say what was wrong. */
const mostNamed = 5

function failedNotes({ failed }: Experiment): string[] {
  const named = failed.slice(0, mostNamed).map(failureText)
  const more = failed.length - named.length
  return more > 0 ? [...named, `And ${grouped(more)} more failed: failed.jsonl names all.`] : named
}

/** POPE's figures: of all questions, and of each split. */
function yesNoTables(experiment: Experiment, ways: readonly WayResults[]): Table[] {
  if (![...experiment.questions.values()].every(({ yesNo }) => yesNo !== null)) return []
  const splits = tagGroups(experiment).flatMap(({ groups }) => groups)
  const parts = [{ name: 'all', ids: null }, ...splits]
  return parts.map(({ name, ids }) => ({
    kind: 'table',
    title: titled(experiment.benchmark, `precision and recall, ${name}`),
    of: factsOf(experiment),
    rowsAre: 'method',
    columns: ['questions', 'accuracy', 'precision', 'recall', 'F1', 'rate of yes'],
    rows: ways.map(way => yesNoRow(experiment, way, ids)),
    notes: ['"Yes" is what is to be found.'],
  }))
}

function yesNoRow({ questions }: Experiment, { name, answers }: WayResults, some: Some): TableRow {
  const answered = [...answers].flatMap(([id, { score }]) =>
    some === null || some.has(id)
      ? [{ given: score.read as YesNo, right: questions.get(id)!.yesNo as YesNo }]
      : [],
  )
  const { accuracy, precision, recall, f1, yesRate } = yesNoFigures(answered)
  const shares = [accuracy, precision, recall, f1, yesRate].map(
    (value): Cell => ({ value, unit: 'share', n: answered.length }),
  )
  return { name, cells: [{ value: answered.length, unit: 'count' }, ...shares] }
}

/** By what the publisher sorts questions by. */
function byTags(experiment: Experiment, ways: readonly WayResults[]): Table[] {
  return tagGroups(experiment).map(({ tag, groups }) => ({
    kind: 'table',
    title: titled(experiment.benchmark, `score by ${tag}`),
    of: factsOf(experiment),
    rowsAre: 'method',
    columns: groups.map(({ name, ids }) => `${name} (${grouped(ids.size)})`),
    rows: ways.map(way => ({
      name: way.name,
      cells: groups.map(({ ids }) => scoreOf(experiment, way, ids)),
    })),
    notes: [],
  }))
}
