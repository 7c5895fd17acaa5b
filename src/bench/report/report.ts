import type { Provenance } from '../row.ts'
import type { Study } from '../studies/study.ts'
import { type Experiment, experimentsBy, type Gathered } from './experiment.ts'
import { factsOf } from './facts.ts'
import { factsText, type Report, type Section } from './table.ts'

/** The tables and figures of some studies, model by model. */
export function buildReport(
  { experiments, notes }: Gathered,
  runs: readonly Provenance[],
  studies: readonly Study[],
): Report {
  const models = experimentsBy(experiments, ({ model }) => model.hash)
  const sections = models.flatMap((of, nth) => {
    const prefix = models.length === 1 ? '' : `${modelTitle(of[0]!)}: `
    return studies.flatMap(study => sectionOf(study, of, prefix, nth))
  })
  return {
    title: titleOf(models),
    text: [...experiments.map(experiment => `${factsText(factsOf(experiment))}.`), ...howToRead, ...notes],
    sections,
    runs,
  }
}

function sectionOf(study: Study, of: readonly Experiment[], prefix: string, nth: number): Section[] {
  const blocks = study.view(of)
  if (blocks.length === 0) return []
  return [
    {
      id: nth === 0 ? study.name : `${study.name}-${nth + 1}`,
      title: `${prefix}${study.title}`,
      text: [`Shows ${study.shows}.`],
      blocks,
    },
  ]
}

const modelTitle = ({ model }: Experiment): string => `${model.name} (${model.hash.slice(0, 8)})`

const titleOf = (models: readonly (readonly Experiment[])[]): string =>
  `Results of ${models.map(([first]) => first!.model.name).join(', ') || 'no model'}`

const howToRead = [
  `Scores are means with Wilson's 95 % interval, which is wider than need be for graded scores. Beside a score: its difference from
the plain answers in percentage points, on the questions that both answered, with the 95 % interval of a paired bootstrap; on how many of
these questions it scored more / less; and p of McNemar's exact test of these.`,
]
