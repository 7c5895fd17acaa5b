import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Written by reference/fixtures/make.py with Hugging Face transformers on PyTorch.

export const cases = ['base', 'grouped', 'full-pad', 'sharded', 'half', 'bfloat', 'old-names'] as const
export type CaseName = (typeof cases)[number]

export interface ExpectedCrop {
  readonly box: { x: number; y: number; width: number; height: number } | null
  readonly reason: string | null
}

export interface ExpectedCrops {
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

/** A folder of checkpoints with pictures, and what the reference computed of them. */
export function fixturesIn<Name extends string, Expected>(folder: string) {
  const path = (name: string): string =>
    fileURLToPath(new URL(`../fixtures/${folder}/${name}`, import.meta.url))
  return {
    modelPath: (name: Name): string => path(`${name}/model`),
    picturePath: (name: string): string => path(`pictures/${name}.png`),
    readExpected: (name: Name): Expected => JSON.parse(readFileSync(path(`${name}/fixture.json`), 'utf8')),
    readArrays: (name: Name): Arrays => readArraysOf(path(`${name}/fixture.safetensors`)),
  }
}

export const { modelPath, picturePath, readExpected, readArrays } = fixturesIn<CaseName, Expected>('llava')

export interface Array32 {
  readonly shape: readonly number[]
  readonly data: Float32Array
}

export interface Arrays {
  has(key: string): boolean
  get(key: string): Array32
  /** Those whose keys begin with `folder.`, by the rest of their keys. */
  within(folder: string): Arrays
}

/** The arrays of a fixture, read without the project's own reader. */
function readArraysOf(file: string): Arrays {
  const bytes = readFileSync(file)
  const headerEnd = 8 + Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, headerEnd))
  const get = (key: string): Array32 => {
    const { shape, data_offsets: offsets } = header[key]
    const [from, to] = offsets.map((offset: number) => bytes.byteOffset + headerEnd + offset)
    return { shape, data: new Float32Array(bytes.buffer.slice(from, to)) }
  }
  const within = (folder: string): Arrays => ({
    has: key => `${folder}.${key}` in header,
    get: key => get(`${folder}.${key}`),
    within: inner => within(`${folder}.${inner}`),
  })
  return { has: key => key in header, get, within }
}

/** The i-th part of an array along its first axis. */
export function part({ shape, data }: Array32, i: number): Array32 {
  const size = data.length / (shape[0] as number)
  return { shape: shape.slice(1), data: data.subarray(i * size, (i + 1) * size) }
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
export function meanOverHeads({ shape, data }: Array32): Float32Array {
  const [heads, width] = shape as [number, number]
  const mean = new Float64Array(width)
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < width; i++) mean[i] = (mean[i] as number) + (data[head * width + i] as number) / heads
  }
  return Float32Array.from(mean)
}
