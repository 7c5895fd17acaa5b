import { csvFormatRows } from 'd3-dsv'
import type { Cell, Report, Table } from './table.ts'

const columns = [
  'section',
  'table',
  'benchmark',
  'questions',
  'scorer',
  'model',
  'model hash',
  'settings',
  'row',
  'column',
  'value',
  'unit',
  'n',
  'low',
  'high',
  'paper',
  'difference',
  'difference low',
  'difference high',
  'won',
  'lost',
  'p',
] as const

/** A report's tables as one of RFC 4180: a line a cell, numbers as they are, shares from 0 to 1. */
export const toCsv = ({ sections }: Report): string =>
  `${csvFormatRows([
    [...columns],
    ...sections.flatMap(({ title, blocks }) =>
      blocks.flatMap(block => (block.kind === 'table' ? lines(title, block) : [])),
    ),
  ])}\n`

const lines = (section: string, { title, of, columns: names, rows }: Table): string[][] =>
  rows.flatMap(({ name, cells }) =>
    cells.flatMap((cell, i) =>
      cell === null
        ? []
        : [[section, title, ...Object.values(of), name, names[i], ...numbers(cell)].map(text)],
    ),
  )

function numbers({ value, unit, n, low, high, paper, difference }: Cell): (number | string | undefined)[] {
  const { difference: by, low: from, high: to, won, lost, p } = difference ?? {}
  return [value, unit, n, low, high, paper, by, from, to, won, lost, p]
}

/**
 * What is not known is empty. A text that a spreadsheet would take for a formula begins with an apostrophe, as texts of files
 * may be anybody's.
 */
function text(value: string | number | undefined): string {
  if (typeof value === 'string') return /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return value === undefined || !Number.isFinite(value) ? '' : String(value)
}
