import type { Shape } from '../../../src/graph/dimension.ts'
import type { DType, NodeKind, Tensor } from '../../../src/graph/tensor.ts'
import type { NdArray } from '../array.ts'

/** What the named sizes of a run are. */
export type Sizes = Readonly<Record<string, number>>

/** A graph with one kind of node in it, and a loop that computes what it must. */
export interface Case {
  readonly title: string
  /** Shapes of the inputs, with the type where it is not float32: "int64". */
  readonly inputs: Readonly<Record<string, Shape | readonly [DType, Shape]>>
  /** What to feed for an input whose numbers are not random between -1 and 1. */
  readonly feed?: (name: string, sizes: Sizes) => NdArray | undefined
  readonly build: (x: Readonly<Record<string, Tensor>>) => Tensor
  readonly expected: (x: Readonly<Record<string, NdArray>>, sizes: Sizes) => NdArray
}

export type Cases<Kind extends NodeKind> = Readonly<Record<Kind, readonly [Case, ...Case[]]>>
