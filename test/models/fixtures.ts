import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Written by reference/fixtures/make.py with Hugging Face transformers on PyTorch.

export const cases = ['base', 'grouped', 'full-pad', 'sharded', 'half', 'bfloat', 'old-names'] as const
export type CaseName = (typeof cases)[number]

export const casePath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/llava/${name}`, import.meta.url))
export const modelPath = (name: CaseName): string => casePath(`${name}/model`)
export const picturePath = (name: string): string => casePath(`pictures/${name}.png`)

export interface ExpectedCrop {
  readonly box: { x: number; y: number; width: number; height: number } | null
  readonly reason: string | null
}

interface ExpectedCrops {
  readonly layers: readonly ExpectedCrop[]
  readonly mean: ExpectedCrop
}

interface ExpectedPrompt {
  readonly text: string
  readonly ids: number[]
}

interface ExpectedAnswer {
  readonly tokens: number[]
  readonly text: string
}

export interface ExpectedQuestion {
  readonly question: string
  readonly crops: ExpectedCrops
  readonly gradientCrops: ExpectedCrops
  readonly pureGradientCrops: Readonly<Record<'paper' | 'code', ExpectedCrop>>
  /** The likeliest first token, and its log probability. */
  readonly token: number
  readonly v: number
  readonly plain: ExpectedAnswer
  readonly withCrop: ExpectedAnswer
}

export interface Expected {
  readonly prompts: {
    readonly imageTokens: number
    readonly general: ExpectedPrompt & { readonly question: string }
    readonly questions: readonly {
      readonly question: string
      readonly plain: ExpectedPrompt
      readonly withCrop: ExpectedPrompt
      readonly chat?: ExpectedPrompt
      readonly chatWithCrop?: ExpectedPrompt
    }[]
  }
  readonly pictures: Readonly<Record<'wide' | 'tall', { readonly questions: readonly ExpectedQuestion[] }>>
}

export const readExpected = (name: CaseName): Expected =>
  JSON.parse(readFileSync(casePath(`${name}/fixture.json`), 'utf8'))

export interface Array32 {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

/** The arrays of a fixture, read without the project's own reader. */
export const readArrays = (name: CaseName): ((key: string) => Array32) =>
  readArraysOf(casePath(`${name}/fixture.safetensors`))

export function readArraysOf(file: string): (key: string) => Array32 {
  const bytes = readFileSync(file)
  const headerEnd = 8 + Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, headerEnd))
  return key => {
    const { shape, data_offsets: offsets } = header[key]
    const [from, to] = offsets.map((offset: number) => headerEnd + offset)
    return {
      shape,
      data: new Float32Array(bytes.buffer.slice(bytes.byteOffset + from, bytes.byteOffset + to)),
    }
  }
}

/** The largest difference, as a share of the largest expected value. */
export function relativeError(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} values, expected ${expected.length}`)
  let [difference, largest] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs((actual[i] as number) - (expected[i] as number)))
    largest = Math.max(largest, Math.abs(expected[i] as number))
  }
  if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY
  return difference / largest
}

/** The largest difference of a value, as a share of that value. */
export function elementError(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length)
    throw new Error(`${actual.length} values, expected ${expected.length}`)
  return expected.reduce((largest, value, i) => {
    const error = Math.abs((actual[i] as number) - value) / Math.abs(value)
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(largest, error)
  }, 0)
}

/** [H,N] -> [N] in float64. */
export function meanOverHeads({ data }: Array32, heads: number, width: number): Float32Array {
  const mean = new Float64Array(width)
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < width; i++) mean[i] = (mean[i] as number) + (data[head * width + i] as number) / heads
  }
  return Float32Array.from(mean)
}
