import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ExpectedQuestion as AnyQuestion, type Array32, readArraysOf } from '../fixtures.ts'

// Written by reference/fixtures/make_tiles.py with Hugging Face transformers on PyTorch.

export const cases = [
  'llava_next/base',
  'llava_next/mistral',
  'llava_next/published',
  'idefics3/base',
  'idefics3/whole',
  'smolvlm/base',
] as const
export type CaseName = (typeof cases)[number]

const root = fileURLToPath(new URL('../../fixtures/tiles', import.meta.url))
export const modelPath = (name: CaseName): string => `${root}/${name}/model`
export const picturePath = (name: string): string => `${root}/pictures/${name}.png`

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

export const readExpected = (name: CaseName): Expected =>
  JSON.parse(readFileSync(`${root}/${name}/fixture.json`, 'utf8'))

/** The arrays of a fixture; null for one that it lacks. */
export function readArrays(name: CaseName): (key: string) => Array32 | null {
  const arrays = readArraysOf(`${root}/${name}/fixture.safetensors`)
  return key => {
    try {
      return arrays(key)
    } catch {
      return null
    }
  }
}
