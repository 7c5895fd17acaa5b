import { type ExpectedQuestion, fixturesIn } from '../fixtures.ts'

export const cases = ['placeholders', 'published', 'sharded'] as const
export type CaseName = (typeof cases)[number]

interface ExpectedPrompt {
  readonly question: string
  readonly ids: number[]
  readonly instructionIds: number[]
}

/** The crops of layers are those of pairs: layer by layer of the language model, one for each of the Q-Former's. */
export interface Expected {
  readonly prompts: {
    readonly queryTokens: number
    readonly general: ExpectedPrompt
    readonly questions: readonly ExpectedPrompt[]
  }
  readonly pictures: Readonly<Record<'wide' | 'tall', { readonly questions: readonly ExpectedQuestion[] }>>
}

export const { modelPath, readExpected, readArrays } = fixturesIn<CaseName, Expected>('instructblip')
