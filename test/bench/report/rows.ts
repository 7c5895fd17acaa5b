import type { Question } from '../../../src/bench/question.ts'
import { type Experiment, gather, type ResultsFolder } from '../../../src/bench/report/experiment.ts'
import type { Figure, Table } from '../../../src/bench/report/table.ts'
import type { FailedRow, Provenance, Row, Way } from '../../../src/bench/row.ts'
import { findStudy } from '../../../src/bench/studies/registry.ts'
import { keyNamed, question, rowNamed, runNamed } from '../sample-row.ts'

// Small results folders, written by hand: what is right is "a" unless a question says something else.

/** A question about a picture of 100 x 100 pixels, so that a box of 10 x 10 has S = 0.01. */
export const asked = (id: string, more: Partial<Question> = {}): Question => ({
  ...question,
  id,
  expected: { type: 'answers', answers: ['a'] },
  boxes: [],
  tags: {},
  ...more,
})

export const square = (side: number): Question['boxes'] => [{ x: 0, y: 0, width: side, height: side }]

/** The answers that some ways gave to a question, in their order. */
export function answered(
  question: Question,
  ways: readonly Way[],
  answers: readonly string[],
  more: Partial<Row> = {},
): Row[] {
  return answers.map((answer, i) => {
    const way = ways[i] as Way
    return rowNamed(`${question.id} ${JSON.stringify(way)} ${more.run} ${more.benchmark}`, {
      question,
      way,
      answer,
      image: { width: 100, height: 100 },
      crop: way.method === 'none' ? null : { x: 0, y: 0, width: 50, height: 50 },
      cropReason: way.method === 'none' ? 'method none' : null,
      map: null,
      localisation: null,
      ...more,
    })
  })
}

export const run = (id: string, benchmark: string, more: Partial<Provenance> = {}): Provenance => ({
  ...runNamed(id),
  benchmark: { name: benchmark, form: 'published', questionCount: 1, hash: keyNamed('questions') },
  ...more,
})

export const folderOf = (
  rows: readonly Row[],
  runs: readonly Provenance[] = [run('r1', 'demo')],
  failed: readonly FailedRow[] = [],
): ResultsFolder => ({
  rows: (async function* () {
    yield* rows
  })(),
  failed,
  runs: new Map(runs.map(run => [run.id, run])),
})

/** The only experiment of some rows. */
export async function experimentOf(...folder: Parameters<typeof folderOf>): Promise<Experiment> {
  const { experiments } = await gather(folderOf(...folder), 'official')
  if (experiments.length !== 1) throw new Error(`${experiments.length} experiments, 1 expected`)
  return experiments[0] as Experiment
}

/** What a study makes of experiments. */
export const view = (name: string, ...experiments: readonly Experiment[]): readonly (Table | Figure)[] =>
  findStudy(name).view(experiments)

/** The table of that title. */
export function tableOf(blocks: readonly (Table | Figure)[], title: string): Table {
  const found = blocks.find((block): block is Table => block.kind === 'table' && block.title === title)
  if (found !== undefined) return found
  throw new Error(`no table "${title}"; there are: ${blocks.map(block => block.title).join('; ')}`)
}

/** A table's values by row, rounded to four digits behind the point. */
export const valuesOf = (table: Table): Record<string, (number | null)[]> =>
  Object.fromEntries(
    table.rows.map(({ name, cells }) => [
      name,
      cells.map(cell => (cell === null ? null : Number(cell.value.toFixed(4)))),
    ]),
  )
