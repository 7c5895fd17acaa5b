import { type ExpectedQuestion as AnyQuestion, fixturesIn } from '../fixtures.ts'

export const cases = ['base', 'tied', 'modules', 'large-window', 'qwen2'] as const
export type CaseName = (typeof cases)[number]

interface Grid {
  readonly rows: number
  readonly columns: number
}

export interface ExpectedPrompt {
  readonly text: string
  readonly ids: number[]
  /** [3][S]: time, row, column. */
  readonly positions: number[][]
}

export interface ExpectedQuestion extends AnyQuestion {
  readonly prompt: ExpectedPrompt
  readonly cropGrid?: Grid
  readonly withCropPrompt?: ExpectedPrompt
}

export interface ExpectedPicture {
  readonly width: number
  readonly height: number
  readonly grid: Grid
  readonly general: ExpectedPrompt
  readonly questions: readonly ExpectedQuestion[]
}

export interface Expected {
  /** Base window of the crop, in source pixels. */
  readonly base: number
  readonly pictures: Readonly<Record<string, ExpectedPicture>>
}

export const { modelPath, picturePath, readExpected, readArrays } = fixturesIn<CaseName, Expected>(
  'qwen2_5_vl',
)
