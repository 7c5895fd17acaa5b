import type { Experiment } from './experiment.ts'
import type { SizeName } from './paper.ts'
import { grouped } from './table.ts'

// Questions of a kind.

export interface Group {
  readonly name: string
  readonly ids: ReadonlySet<string>
}

export interface SizeGroup extends Group {
  readonly size: SizeName
}

/** Between which shares of the picture's area a thing is medium, and of which questions this is asked. */
interface Sizes {
  readonly from: number
  readonly below: number
  readonly only?: { readonly tag: string; readonly value: string }
}

/** The paper's, of TextVQA. */
const paperSizes: Sizes = { from: 0.005, below: 0.05 }

/** The demo model's own, of the questions that ask what is written on a thing: the other families are not about detail. */
const demoSizes: Sizes = { from: 0.01, below: 0.04, only: { tag: 'family', value: 'read' } }

const sizesFor = (benchmark: string): Sizes => (benchmark === 'demo' ? demoSizes : paperSizes)

/**
 * Questions by S, the share of the picture's area that their boxes have. Empty without boxes. Where their publisher has measured
 * the things themselves and says so in a tag "size", that counts.
 */
export function sizeGroups({ benchmark, questions }: Experiment): SizeGroup[] {
  const { from, below, only } = sizesFor(benchmark.name)
  const ids: Record<SizeName, Set<string>> = { small: new Set(), medium: new Set(), large: new Set() }
  for (const [id, { S, tags }] of questions) {
    if (S === null || (only !== undefined && tags[only.tag] !== only.value)) continue
    const measured = S < from ? 'small' : S < below ? 'medium' : 'large'
    const published = tags.size as SizeName
    ids[Object.hasOwn(ids, published) ? published : measured].add(id)
  }
  const names = { small: `small, S < ${from}`, medium: 'medium', large: `large, S ≥ ${below}` }
  return (Object.keys(ids) as SizeName[])
    .filter(size => ids[size].size > 0)
    .map(size => ({ name: `${names[size]} (${grouped(ids[size].size)})`, size, ids: ids[size] }))
}

/** Which questions `sizeGroups` takes, as the end of a sentence. */
export const sizedQuestions = (benchmark: string): string => {
  const { only } = sizesFor(benchmark)
  return only === undefined ? 'questions with a box' : `questions with a box and ${only.tag} "${only.value}"`
}

/** Questions by the values of a tag, the most frequent first. */
export interface TagGroups {
  readonly tag: string
  readonly groups: readonly Group[]
}

/** By each tag that its publisher gives, where it has at least two values; sizes are those of `sizeGroups`. */
export function tagGroups({ questions }: Experiment): TagGroups[] {
  const byTag = new Map<string, Map<string, Set<string>>>()
  for (const [id, { tags }] of questions) {
    for (const [tag, value] of Object.entries(tags)) {
      if (tag === 'size') continue
      const values = byTag.get(tag) ?? new Map<string, Set<string>>()
      byTag.set(tag, values.set(value, (values.get(value) ?? new Set()).add(id)))
    }
  }
  return [...byTag]
    .filter(([, values]) => values.size > 1)
    .map(([tag, values]) => ({
      tag,
      groups: [...values]
        .map(([name, ids]) => ({ name, ids }))
        .sort((a, b) => b.ids.size - a.ids.size || a.name.localeCompare(b.name, 'en')),
    }))
}
