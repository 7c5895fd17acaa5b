import { csvParse } from 'd3-dsv'
import { describe, expect, it } from 'vitest'
import { mcnemar } from '../../../src/bench/metrics/paired.ts'
import { toCsv } from '../../../src/bench/report/csv.ts'
import { toMarkdown } from '../../../src/bench/report/markdown.ts'
import type { Cell, Report, Table } from '../../../src/bench/report/table.ts'
import { runNamed } from '../sample-row.ts'

const difference = {
  difference: 0.616,
  low: 0.584,
  high: 0.648,
  won: 1559,
  lost: 1,
  p: 3.2e-166,
  pairs: 2000,
}

const table: Table = {
  kind: 'table',
  title: 'demo: scores',
  of: {
    benchmark: 'demo (12345678)',
    questions: 2144,
    scorer: 'exact match',
    model: 'org/a_model',
    modelHash: '9abcdef0',
    settings: 'f32, plain prompt',
  },
  rowsAre: 'method',
  columns: ['score', 'p', 'times'],
  rows: [
    {
      name: 'no crop',
      cells: [{ value: 0.289, unit: 'share', n: 906, low: 0.2604, high: 0.3194, paper: 0.4 }, null, null],
    },
    {
      name: 'rel-att',
      cells: [
        { value: 0.905, unit: 'share', n: 906, low: 0.884, high: 0.922, difference },
        { value: 0.0312, unit: 'p' },
        { value: Number.NaN, unit: 'times' },
      ],
    },
  ],
  notes: ['A note.'],
}

const reportOf = (...tables: readonly Table[]): Report => ({
  title: 'Results',
  text: ['How to read it.'],
  sections: [{ id: 's', title: 'Scores', text: ['Shows scores.'], blocks: tables }],
  runs: [runNamed('r1')],
})

describe('Markdown', () => {
  it('has a table with what belongs to each score', () => {
    expect(toMarkdown(reportOf(table))).toBe(`# Results

How to read it.

## Scores

Shows scores.

### demo: scores

| method | score | p | times |
| --- | ---: | ---: | ---: |
| no crop | 28.9 % (26.0 to 31.9); paper 40.0, −11.1 |  |  |
| rel-att | 90.5 %; +61.6 (58.4 to 64.8); 1,559 / 1, p 3e−166 | 0.031 | – |

demo (12345678): 2,144 questions, exact match; model org/a_model (9abcdef0); f32, plain prompt \\
A note.

## How it was made

- r1, 2026-11-27T08:00:00.000Z: demo (9372c470, llava), f32, plain prompt, at most 20 tokens; demo, published, 1 questions (17d5efa6); vicrop 0.1.0, onnxruntime 1.30.0, node v20.20.2, cpu; a cpu, linux x64, 2 threads; ways: rel-att, layer 1+2
`)
  })

  it('says of a p that is too small for a number how small it is at most', () => {
    const cells = [mcnemar(1200, 0), 3e-166, 0.00042].map((value): Cell => ({ value, unit: 'p' }))
    const lines = toMarkdown(reportOf({ ...table, rows: [{ name: 'rel-att', cells }] }))
    expect(lines).toContain('| rel-att | below 1e−300 | 3e−166 | 4e−4 |\n')
  })

  it('has numbers below zero with a minus sign, and none before a zero', () => {
    const cells: Cell[] = [
      { value: -1 / 3, unit: 'share' },
      { value: -0.0001, unit: 'share' },
      { value: -12.3456, unit: 'seconds' },
    ]
    const lines = toMarkdown(reportOf({ ...table, rows: [{ name: 'rel-att', cells }] }))
    expect(lines).toContain('| rel-att | −33.3 % | 0.0 % | −12.35 |\n')
  })

  it('takes texts as text', () => {
    const name = '<img src=x> | `a` [b](c) *d* _e_ a_b\n# f &lt; 1 < 2'
    const lines = toMarkdown(reportOf({ ...table, rows: [{ name, cells: [null, null, null] }] }))
    expect(lines).toContain(
      '| \\<img src=x> \\| \\`a\\` \\[b\\](c) \\*d\\* \\_e\\_ a_b # f \\&lt; 1 < 2 |  |  |  |\n',
    )
  })
})

describe('CSV', () => {
  it('has a line a cell, numbers as they are', () => {
    const rows = csvParse(toCsv(reportOf(table)))
    expect(rows.map(({ row, column }) => [row, column])).toEqual([
      ['no crop', 'score'],
      ['rel-att', 'score'],
      ['rel-att', 'p'],
      ['rel-att', 'times'],
    ])
    expect(rows[1]).toEqual({
      section: 'Scores',
      table: 'demo: scores',
      benchmark: 'demo (12345678)',
      questions: '2144',
      scorer: 'exact match',
      model: 'org/a_model',
      'model hash': '9abcdef0',
      settings: 'f32, plain prompt',
      row: 'rel-att',
      column: 'score',
      value: '0.905',
      unit: 'share',
      n: '906',
      low: '0.884',
      high: '0.922',
      paper: '',
      difference: '0.616',
      'difference low': '0.584',
      'difference high': '0.648',
      won: '1559',
      lost: '1',
      p: '3.2e-166',
    })
    expect(rows[3]).toMatchObject({ value: '', unit: 'times' })
  })

  it('keeps texts whole, and none is a formula', () => {
    const names = ['a "b", c\nd', '=1+1', '-x', '']
    const rows = names.map(name => ({ name, cells: [{ value: -1, unit: 'count' } as const] }))
    const parsed = csvParse(toCsv(reportOf({ ...table, columns: ['n'], rows })))
    expect(parsed.map(({ row }) => row)).toEqual(['a "b", c\nd', "'=1+1", "'-x", ''])
    expect(parsed.map(({ value }) => value)).toEqual(['-1', '-1', '-1', '-1'])
  })
})
