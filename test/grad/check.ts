import { expect } from 'vitest'
import { grad } from '../../src/grad/grad.ts'
import { evaluateDimension, formatShape, type Shape } from '../../src/graph/dimension.ts'
import { input, mul, reduceSum } from '../../src/graph/ops.ts'
import type { Tensor } from '../../src/graph/tensor.ts'
import { type NdArray, randomArray, sum } from '../onnx/array.ts'
import { openGraph, toArray, toValue } from '../onnx/run-graph.ts'

export type Tensors = Readonly<Record<string, Tensor>>
export type Sizes = Readonly<Record<string, number>>
type Arrays = Readonly<Record<string, NdArray>>

/** An expression of float32 inputs, whose numbers are between -1 and 1 unless `feed` changes them. */
export interface Expression {
  readonly inputs: Readonly<Record<string, Shape>>
  readonly build: (x: Tensors) => Tensor
  readonly feed?: (value: number) => number
  /** Where its numbers are coarser than float32. */
  readonly tolerance?: number
}

export const inputsOf = (inputs: Expression['inputs']): Tensors =>
  mapValues(inputs, (shape, name) => input(name, 'float32', shape))

/** Of the difference quotient, whose error is float32's rounding over the step, and the step's fourth power. */
export const step = 1 / 32

/** As a share of the lengths of gradient and direction. */
const defaultTolerance = 3e-5

/**
 * The dot-product test, for each input x: the gradient of v = sum(y * w), times a random direction, is the slope of v
 * in that direction. The slope comes from four runs of y alone.
 */
export async function expectSlopes(expression: Expression, sizes: Sizes): Promise<void> {
  const { y, w, gradients } = differentiate(expression)
  const session = await openGraph({ y, ...gradients })
  const run = async (feeds: Arrays): Promise<Arrays> =>
    mapValues(await session.run(mapValues(feeds, x => toValue(x))), toArray)
  const draw = (shape: Shape, seed: number): NdArray => randomArray(sized(shape, sizes), seed)
  const weights = draw(w.shape, 1)
  const { feed = value => value, tolerance = defaultTolerance } = expression
  const start = mapValues(expression.inputs, (shape, name) => {
    const { data } = draw(shape, seedOf(name))
    return { shape: sized(shape, sizes), data: data.map(feed) }
  })
  const found = await run({ ...start, w: weights })
  for (const [name, shape] of Object.entries(expression.inputs)) {
    const direction = draw(shape, seedOf(name) + 1000)
    const moved = async (steps: number): Promise<number> => {
      const there = { ...start, [name]: along(start[name]!, direction, steps * step), w: weights }
      return dot((await run(there)).y!, weights)
    }
    const slope = await slopeOf(moved)
    const gradient = found[gradientOf(name)] as NdArray
    expect(gradient.shape, name).toEqual(direction.shape)
    const error = Math.abs(dot(gradient, direction) - slope) / (length(gradient) * length(direction))
    expect(error, `${name} ${formatShape(direction.shape)}`).toBeLessThan(tolerance)
  }
  await session.release()
}

/** How fast something changes by the number of steps, from four values of it. */
export async function slopeOf(at: (steps: number) => Promise<number>): Promise<number> {
  const [near, far] = [(await at(1)) - (await at(-1)), (await at(2)) - (await at(-2))]
  return (8 * near - far) / (12 * step)
}

const gradientOf = (name: string): string => `gradient of ${name}`

function differentiate({ inputs, build }: Expression): { y: Tensor; w: Tensor; gradients: Tensors } {
  const x = inputsOf(inputs)
  const y = build(x)
  const w = input('w', 'float32', y.shape)
  const v = reduceSum(mul(y, w), [...y.shape.keys()])
  const found = grad(v, Object.values(x))
  for (const [i, { shape }] of Object.values(x).entries()) expect(found[i]?.shape).toEqual(shape)
  const named = Object.keys(x).map((name, i): [string, Tensor] => [gradientOf(name), found[i] as Tensor])
  return { y, w, gradients: Object.fromEntries(named) }
}

const sized = (shape: Shape, sizes: Sizes): number[] => shape.map(size => evaluateDimension(size, sizes))
const seedOf = (name: string): number => sum(name.length, i => name.charCodeAt(i))

const along = (from: NdArray, direction: NdArray, by: number): NdArray => ({
  shape: from.shape,
  data: from.data.map((value, i) => value + by * direction.data[i]!),
})
export const dot = (a: NdArray, b: NdArray): number => sum(a.data.length, i => a.data[i]! * b.data[i]!)
export const length = (a: NdArray): number => Math.sqrt(dot(a, a))

export const mapValues = <T, U>(
  record: Readonly<Record<string, T>>,
  change: (value: T, name: string) => U,
): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]))
