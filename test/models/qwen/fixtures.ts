import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type ExpectedQuestion as AnyQuestion, type Array32, readArraysOf } from '../fixtures.ts'

// Written by reference/fixtures/make_qwen.py with Hugging Face transformers on PyTorch.

export const cases = ['base', 'tied', 'modules', 'large-window', 'qwen2'] as const
export type CaseName = (typeof cases)[number]

const root = fileURLToPath(new URL('../../fixtures/qwen2_5_vl', import.meta.url))
export const modelPath = (name: CaseName): string => `${root}/${name}/model`
export const picturePath = (name: string): string => `${root}/pictures/${name}.png`

interface Grid {
  readonly rows: number
  readonly columns: number
}

interface ExpectedPrompt {
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

export const readExpected = (name: CaseName): Expected =>
  JSON.parse(readFileSync(`${root}/${name}/fixture.json`, 'utf8'))

export const readArrays = (name: CaseName): ((key: string) => Array32) =>
  readArraysOf(`${root}/${name}/fixture.safetensors`)
