import type { Provenance } from '../row.ts'
import { describeSettings } from './experiment.ts'
import { type Cell, cellText, factsText, type Report, type Section, type Table } from './table.ts'
import { wayName } from './ways.ts'

/** A report as GitHub-flavoured Markdown. Figures are for the page alone: tables have their numbers. */
export function toMarkdown({ title, text, sections, runs }: Report): string {
  return `${[
    `# ${escaped(title)}`,
    ...text.map(escaped),
    ...sections.flatMap(section),
    '## How it was made',
    runs.map(run => `- ${escaped(runText(run))}`).join('\n'),
  ].join('\n\n')}\n`
}

const section = ({ title, text, blocks }: Section): string[] => [
  `## ${escaped(title)}`,
  ...text.map(escaped),
  ...blocks.flatMap(block => (block.kind === 'table' ? table(block) : [])),
]

function table({ title, of, rowsAre, columns, rows, notes }: Table): string[] {
  const lines = [
    [rowsAre, ...columns],
    ['---', ...columns.map(() => '---:')],
    ...rows.map(({ name, cells }) => [name, ...cells.map(cellLine)]),
  ]
  return [
    `### ${escaped(title)}`,
    lines.map(line => `| ${line.map(escaped).join(' | ')} |`).join('\n'),
    [factsText(of), ...notes].map(escaped).join(' \\\n'),
  ]
}

function cellLine(cell: Cell | null): string {
  if (cell === null) return ''
  const { value, interval, more } = cellText(cell)
  return [interval === null ? value : `${value} (${interval})`, ...more].join('; ')
}

/** A run in a sentence. */
function runText({ id, startedAt, versions, machine, model, settings, benchmark, ways }: Provenance): string {
  const { platform, cpu, threads, device } = machine
  return [
    `${id}, ${startedAt}: ${model.name} (${model.hash.slice(0, 8)}, ${model.modelType}), ${describeSettings(settings)}`,
    `${benchmark.name}, ${benchmark.form}, ${benchmark.questionCount} questions (${benchmark.hash.slice(0, 8)})`,
    `vicrop ${versions.vicrop}, onnxruntime ${versions.onnxruntime}, node ${versions.node}, ${device}`,
    `${cpu}, ${platform}, ${threads} threads`,
    `ways: ${ways.map(wayName).join('; ')}`,
  ].join('; ')
}

/** Text of files and models as nothing but text: on one line, and without what Markdown and HTML understand. */
const escaped = (text: string): string =>
  text.replaceAll(/\s+/g, ' ').replaceAll(understood, mark => `\\${mark}`)

/** What stands alone, such as "<" before a space or "_" in a word, is text anyway. */
const understood = /[\\`*[\]|~]|<(?=[a-z/!?])|&(?=[#a-z])|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/giu
