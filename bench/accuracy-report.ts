import { mcnemar } from 'vicrop/bench'
import { type GroupName, groups, mean, percent, type Question } from './benchmark.ts'
import { type LookName, lookNames } from './workload.ts'

/** What was found out about one question. */
export interface Row {
  /** null where there is no such thing as is asked about, as `found` and `ratios` are then. */
  readonly size: GroupName | null
  readonly family: string
  readonly words: Question['words']
  readonly right: Readonly<Record<Way, boolean>>
  readonly found: Readonly<Record<LookName, Found>> | null
  /** The attention ratio of each layer's relative attention. */
  readonly ratios: readonly number[] | null
}

/** Where a method looked. */
export interface Found {
  /** Whether the largest cell of the map touches the thing. */
  readonly pointed: boolean
  /** Share of the thing inside the crop. */
  readonly covered: number
}

const ways = ['no crop', ...lookNames, 'human crop', 'random crop', 'centre crop'] as const
export type Way = (typeof ways)[number]

/** The tables, as Markdown. */
export function report(rows: readonly Row[], layers: readonly number[]): string {
  const reading = ofFamily(rows, 'read')
  const ofSize = (size: GroupName): Row[] => reading.filter(row => row.size === size)
  const small = ofSize('small')
  return `${[
    '# Results on the demo model',
    `${rows.length} held-out questions about rendered pictures of 252 to 480 pixels a side; \`npm run accuracy -- --write\` remakes this page.
rel-att and grad-att read layer ${layers.join(', ')}. S is the thing's share of the picture's area. Won and lost: questions that only
the one, only the other answers right; p: McNemar's exact test of them.`,
    '## Size, and what a crop does about it',
    'Read what is written on the thing asked about, share right:',
    table(
      ['', ...groups.map(size => `${size}, ${sizes[size]}: ${ofSize(size).length} questions`)],
      ways.map(way => [way, ...groups.map(size => share(ofSize(size), way))]),
    ),
    'Against no crop, won / lost (p):',
    table(
      ['', ...groups],
      ways.slice(1).map(way => [way, ...groups.map(size => paired(ofSize(size), way, 'no crop'))]),
    ),
    `Of what the human crop gains on small things, rel-att gains ${recovered(small, 'rel-att')}, grad-att ${recovered(small, 'grad-att')}, pure-grad ${recovered(small, 'pure-grad, paper')}.
The two variants of pure-grad on all sizes, \`paper\` against \`code\`: ${paired(reading, 'pure-grad, paper', 'pure-grad, code')}.`,
    '## Where they look',
    "The map's highest cell is on the thing; the share of the thing inside the crop:",
    table(
      ['', ...groups],
      lookNames.map(name => [name, ...groups.map(size => localisation(ofSize(size), name))]),
    ),
    '## They know where to look, right or wrong',
    'Attention ratio of relative attention on small things, mean; 1 is chance:',
    ratioTable(small),
    '## By family',
    `No such thing, or no single place, is asked about in half of "is there" and in all of "how many": their plain answer stands for the
human crop. "Where from the other" has the box around both things.`,
    table(
      ['', 'questions', ...familyWays],
      Object.keys(families).map(family => line(families[family] as string, ofFamily(rows, family))),
    ),
    "## In one's own words",
    'Of all families, half of the words unknown to the model, against templates that training never used:',
    table(
      ['', 'questions', ...familyWays],
      (['held out', 'own'] as const).map(words =>
        line(
          words,
          rows.filter(row => row.words === words),
        ),
      ),
    ),
  ].join('\n\n')}\n`
}

const sizes: Readonly<Record<GroupName, string>> = {
  small: 'S < 0.01',
  medium: 'between',
  large: 'S >= 0.04',
}

const share = (rows: readonly Row[], way: Way): string =>
  percent(mean(rows.map(row => Number(row.right[way]))))

function paired(rows: readonly Row[], way: Way, other: Way): string {
  const won = rows.filter(({ right }) => right[way] && !right[other]).length
  const lost = rows.filter(({ right }) => !right[way] && right[other]).length
  return `${won} / ${lost} (${mcnemar(won, lost).toPrecision(1)})`
}

function recovered(rows: readonly Row[], way: Way): string {
  const rate = (of: Way): number => mean(rows.map(row => Number(row.right[of])))
  return `${Math.round((100 * (rate(way) - rate('no crop'))) / (rate('human crop') - rate('no crop')))} %`
}

function localisation(rows: readonly Row[], name: LookName): string {
  const found = rows.flatMap(row => row.found?.[name] ?? [])
  return `${percent(mean(found.map(look => Number(look.pointed))))}; ${percent(mean(found.map(look => look.covered)))}`
}

function ratioTable(rows: readonly Row[]): string {
  const layerCount = rows[0]?.ratios?.length ?? 0
  const ratios = (title: string, of: readonly Row[]): string[] => [
    `${title}, ${of.length}`,
    ...Array.from({ length: layerCount }, (_, layer) =>
      mean(of.map(row => row.ratios?.[layer] as number)).toFixed(1),
    ),
  ]
  const head = ['', ...Array.from({ length: layerCount }, (_, layer) => `layer ${layer}`)]
  const isRight = (row: Row): boolean => row.right['no crop']
  return table(head, [
    ratios('plain answer right', rows.filter(isRight)),
    ratios(
      'plain answer wrong',
      rows.filter(row => !isRight(row)),
    ),
  ])
}

const familyWays = ['no crop', 'rel-att', 'grad-att', 'pure-grad, paper', 'human crop'] as const

/** Families of questions, as people would call them. */
const families: Readonly<Record<string, string>> = {
  read: 'what is written on it',
  form: "a form's field",
  colour: 'which colour',
  shape: 'which shape',
  exists: 'is there one',
  relation: 'where from the other',
  count: 'how many',
}
const ofFamily = (rows: readonly Row[], family: string): Row[] => rows.filter(row => row.family === family)

const line = (name: string, of: readonly Row[]): string[] => [
  name,
  `${of.length}`,
  ...familyWays.map(way => share(of, way)),
]

const table = (head: readonly string[], lines: readonly (readonly string[])[]): string =>
  [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...lines]
    .map(line => `| ${line.join(' | ')} |`)
    .join('\n')
