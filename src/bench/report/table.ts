import type { Provenance } from '../run/row.ts'
import type { Difference } from './compare.ts'
import type { Plot } from './plot.ts'

// What a report is made of: plain data, which the renderers put into Markdown, CSV and HTML.

export interface Report {
  readonly title: string
  /** How to read it, a paragraph each. */
  readonly text: readonly string[]
  readonly sections: readonly Section[]
  /** How the rows were made. */
  readonly runs: readonly Provenance[]
}

export interface Section {
  /** A word to link to. */
  readonly id: string
  readonly title: string
  readonly text: readonly string[]
  readonly blocks: readonly (Table | Figure)[]
}

export interface Table {
  readonly kind: 'table'
  readonly title: string
  readonly of: Facts
  /** What stands in the rows. */
  readonly rowsAre: string
  readonly columns: readonly string[]
  readonly rows: readonly TableRow[]
  readonly notes: readonly string[]
}

export interface TableRow {
  readonly name: string
  /** One a column; null where there is nothing to say. */
  readonly cells: readonly (Cell | null)[]
  /** The paper's own numbers, of another model or benchmark. */
  readonly isPaper?: true
}

export interface Cell {
  readonly value: number
  readonly unit: Unit
  /** How many questions it is of. */
  readonly n?: number
  /** The 95 % interval. */
  readonly low?: number
  readonly high?: number
  /** From the plain answers, where the value is a score. */
  readonly difference?: Difference
  /** What the paper has in its place. */
  readonly paper?: number
}

export type Unit =
  /** 0 to 1, shown as per cent. */
  | 'share'
  /** A difference of shares, shown as percentage points. */
  | 'points'
  | 'times'
  | 'seconds'
  | 'count'
  | 'p'

/** What everybody should know of a table's numbers. */
export interface Facts {
  readonly benchmark: string
  readonly questions: number
  /** The metric, and whose. */
  readonly scorer: string
  readonly model: string
  /** The first digits of the hash. */
  readonly modelHash: string
  readonly settings: string
}

export interface Figure {
  readonly kind: 'figure'
  readonly title: string
  readonly of: Facts
  readonly caption: string
  /** What is to be seen, for who cannot see it. */
  readonly alt: string
  readonly plot: Plot
}

export const factsText = ({ benchmark, questions, scorer, model, modelHash, settings }: Facts): string =>
  `${benchmark}: ${grouped(questions)} questions, ${scorer}; model ${model} (${modelHash}); ${settings}`

export const grouped = (count: number): string => count.toLocaleString('en-US')

// ---------------------------------------------------------------- numbers as text

/** A value with its unit. */
export function valueText(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return '–'
  switch (unit) {
    case 'share':
      return `${fixed(100 * value, 1)} %`
    case 'points':
      return pointsText(value)
    case 'times':
      return fixed(value, value < 10 ? 2 : 1)
    case 'seconds':
      return fixed(value, Math.abs(value) < 1 ? 3 : 2)
    case 'count':
      return grouped(value)
    case 'p':
      return value < leastP ? 'below 1e−300' : pText(value)
  }
}

/** Not far below, numbers end: p of a thousand wins without a loss would be 0. */
const leastP = 1e-300

const pText = (p: number): string => (p < 0.001 ? p.toExponential(0).replace('e-', 'e−') : p.toPrecision(2))

/** With a minus sign, not a hyphen, and none before a zero. */
function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits)
  return text.replace('-', Number(text) === 0 ? '' : '−')
}

/** Percentage points, with their sign. */
function pointsText(value: number): string {
  const text = fixed(100 * value, 1)
  return Number(text) > 0 ? `+${text}` : text
}

/** What a cell says, in parts. */
export interface CellText {
  readonly value: string
  /** Without unit. */
  readonly interval: string | null
  /** The difference from the plain answers, who won, what the paper has. */
  readonly more: readonly string[]
}

export function cellText(cell: Cell): CellText {
  const { value, unit, difference, paper } = cell
  const isScore = unit === 'share' && difference !== undefined
  return {
    value: valueText(value, unit),
    // One interval is enough: that of the difference says more.
    interval: isScore ? null : intervalText(cell),
    more: [
      ...(isScore ? [differenceText(difference)] : []),
      ...(difference === undefined ? [] : [wonText(difference)]),
      ...(paper === undefined ? [] : [paperText(value, unit, paper)]),
    ],
  }
}

function intervalText({ low, high, unit }: Cell): string | null {
  if (low === undefined || high === undefined || !Number.isFinite(low) || !Number.isFinite(high)) return null
  const plain = (value: number): string => valueText(value, unit).replace(/ %|\+/, '')
  return `${plain(low)} to ${plain(high)}`
}

/** "+61.6 (58.4 to 64.8)": percentage points. */
const differenceText = ({ difference, low, high }: Difference): string =>
  `${pointsText(difference)} (${unsigned(low)} to ${unsigned(high)})`

/** "559 / 1, p 3e−166": won and lost. */
const wonText = ({ won, lost, p }: Difference): string =>
  `${grouped(won)} / ${grouped(lost)}, p ${valueText(p, 'p')}`

/** Without the plus sign: beside a difference that has it, its interval is read with ease. */
const unsigned = (value: number): string => pointsText(value).replace('+', '')

/** "paper 55.2, +0.4": the paper's number, and by how much this one is more. */
function paperText(value: number, unit: Unit, paper: number): string {
  const more = unit === 'share' ? `, ${pointsText(value - paper)}` : ''
  return `paper ${valueText(paper, unit).replace(' %', '')}${more}`
}
