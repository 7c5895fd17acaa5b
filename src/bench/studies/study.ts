import type { Benchmark } from '../benchmark.ts'
import type { Experiment } from '../report/experiment.ts'
import type { Figure, Table } from '../report/table.ts'
import type { Way } from '../row.ts'

/** A question about methods: the ways to ask that answer it, and what is made of the answers. */
export interface Study {
  /** As it is called on the command line. */
  readonly name: string
  readonly title: string
  /** What it shows, with the paper's table or figure that it repeats. */
  readonly shows: string
  /** The ways that it needs; none of a benchmark that cannot show it. */
  readonly ways: (setup: StudySetup) => readonly Way[]
  /** Whether it needs the attention ratio of every layer. */
  readonly needsRatios: boolean
  /**
   * Tables and figures, of whatever ways there are; nothing where the rows have nothing to show.
   *
   * @param experiments of one model
   */
  readonly view: (experiments: readonly Experiment[]) => readonly (Table | Figure)[]
}

export interface StudySetup {
  readonly benchmark: Benchmark
  /** Models behind endpoints that are to answer too. */
  readonly answerers: readonly string[]
}

/** Each of the paper's methods, and the plain answer. */
export const methodWays: readonly Way[] = [
  { method: 'none' },
  { method: 'rel-att' },
  { method: 'grad-att' },
  { method: 'pure-grad' },
]

/** Whether somebody marked where answers are to be seen. */
export const hasBoxes = ({ name, boxTable }: Benchmark): boolean =>
  boxTable !== undefined || name === 'vstar' || name === 'demo'

/** Whether its pictures are larger than a block of high resolution. */
export const hasLargePictures = ({ name }: Benchmark): boolean => name === 'vstar' || name === 'docvqa'
