import { type ExpectedQuestion as AnyQuestion, fixturesIn } from '../fixtures.ts'

export const cases = [
  'llava_next/base',
  'llava_next/mistral',
  'llava_next/published',
  'idefics3/base',
  'idefics3/whole',
  'smolvlm/base',
] as const
export type CaseName = (typeof cases)[number]

export interface ExpectedQuestion extends AnyQuestion {
  readonly ids: number[]
  readonly chatIds: number[]
  readonly cropSize?: { readonly width: number; readonly height: number }
  readonly withCropIds?: number[]
}

/** One axis of the map: cell i begins at start + i * cell, in source pixels. */
interface Axis {
  readonly start: number
  readonly cell: number
  readonly cells: number
  readonly length: number
}

export interface ExpectedPicture {
  readonly geometry: { readonly x: Axis; readonly y: Axis }
  readonly levels: number
  readonly generalIds: number[]
  readonly questions: readonly ExpectedQuestion[]
}

export interface Expected {
  /** Base window of the crop, in source pixels. */
  readonly base: number
  readonly pictures: Readonly<Record<string, ExpectedPicture>>
}

export const { modelPath, picturePath, readExpected, readArrays } = fixturesIn<CaseName, Expected>('tiles')
