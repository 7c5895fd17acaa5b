import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Array32, type ExpectedQuestion, readArraysOf } from '../fixtures.ts'

// Written by reference/fixtures/make_instructblip.py with Hugging Face transformers on PyTorch.

export const cases = ['placeholders', 'published', 'sharded'] as const
export type CaseName = (typeof cases)[number]

const casePath = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/instructblip/${name}`, import.meta.url))
export const modelPath = (name: CaseName): string => casePath(`${name}/model`)

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

export const readExpected = (name: CaseName): Expected =>
  JSON.parse(readFileSync(casePath(`${name}/fixture.json`), 'utf8'))

export const readArrays = (name: CaseName): ((key: string) => Array32) =>
  readArraysOf(casePath(`${name}/fixture.safetensors`))

/** The i-th part of an array along its first axis. */
export function part({ shape, data }: Array32, i: number): Array32 {
  const size = data.length / (shape[0] as number)
  return { shape: shape.slice(1), data: data.subarray(i * size, (i + 1) * size) }
}
