import type { Benchmark } from '../benchmark.ts'
import type { CropBy } from '../row.ts'
import { describeSettings, type Experiment, type WayResults } from './experiment.ts'
import type { Colour } from './plot.ts'
import { type Facts, grouped } from './table.ts'
import { isDefault } from './ways.ts'

/** What every table of an experiment says of it. */
export function factsOf({ benchmark, scorer, model, settings, questions, edition }: Experiment): Facts {
  return {
    benchmark: `${benchmark.name} (${shortHash(edition)})`,
    questions: questions.size,
    scorer: scorer === 'official' ? benchmark.metric : "the score of the paper's code",
    model: model.name,
    modelHash: shortHash(model.hash),
    settings: describeSettings(settings),
  }
}

const shortHash = (hash: string): string => hash.slice(0, 8)

/** The methods and controls just as they are, answered by the model that looks. */
export const plainWays = ({ ways }: Experiment): readonly WayResults[] =>
  ways.filter(({ way }) => isDefault(way) && way.answerer === undefined)

/** To how many questions ways have no answer that others have. */
export function missingNotes({ questions, ways }: Experiment, of: readonly WayResults[] = ways): string[] {
  const byCount = new Map<number, string[]>()
  for (const { name, answers } of of) {
    const missing = questions.size - answers.size
    if (missing > 0) byCount.set(missing, [...(byCount.get(missing) ?? []), name])
  }
  return [...byCount].map(
    ([missing, names]) =>
      `No answer to ${grouped(missing)} of ${grouped(questions.size)} questions, which are left out of pairs: ${names.join('; ')}.`,
  )
}

/** A benchmark's name at the beginning of a title. */
export const titled = ({ name }: Benchmark, what: string): string => `${name}: ${what}`

const colours: Readonly<Record<CropBy, Colour>> = {
  none: 'none',
  'rel-att': 'rel-att',
  'grad-att': 'grad-att',
  'pure-grad': 'pure-grad',
  human: 'human',
  random: 'control',
  centre: 'control',
}

export const colourOf = ({ way }: WayResults): Colour => colours[way.method]
