import { formatShape, type Shape, sizeOf } from '../graph/dimension.ts'
import { type BlockMatrix, cast, gather, weight } from '../graph/ops.ts'
import { type DType, scoped, type Tensor, type WeightSource } from '../graph/tensor.ts'

/** A tensor of a checkpoint as the graph needs to know it. */
export interface StoredTensor extends WeightSource {
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** A matrix of a checkpoint in blocks of few bits, each part with the shape that `BlockMatrix` says. */
export interface StoredBlocks {
  readonly bits: 4 | 8
  readonly blockSize: number
  readonly values: StoredTensor
  readonly scales: StoredTensor
  readonly zeros: StoredTensor
}

/** The checkpoint's tensors; `find` throws an error that names the nearest one where there is none. */
export interface TensorStore {
  has(name: string): boolean
  find(name: string): StoredTensor
  /** The matrix of a linear layer in blocks, its rows filled up with zeros; null: it is there as `find` says. */
  blocks?(name: string): StoredBlocks | null
}

/** The weights of a linear layer: float32, 16 bits as they were published, or blocks of few bits. */
export type Matrix = Tensor | BlockMatrix

/** The weights of one part of a model: names are taken below `path`. */
export interface Weights {
  readonly path: string
  at(name: string): Weights
  has(name: string): boolean
  /**
   * @param shape what the config says the tensor has; an error names both if the file says otherwise
   * @param view a regrouping of the same elements, as ONNX shall see them
   */
  get(name: string, shape: readonly number[], view?: Shape): Tensor
  /** The rows of a table [rows,width] at some indices [...]: [...,width]. */
  rows(name: string, shape: readonly [rows: number, width: number], indices: Tensor): Tensor
  /** What a linear layer multiplies with, [out,in]: the large part of a model, and so what may be in fewer bits. */
  matrix(name: string, shape: readonly [out: number, within: number]): Matrix
}

export function weightsAt(store: TensorStore, path: string): Weights {
  const full = (name: string): string => (path === '' ? name : `${path}.${name}`)
  return {
    path,
    at: name => weightsAt(store, full(name)),
    has: name => store.has(full(name)),
    get: (name, shape, view = shape) => cast(load(store, full(name), shape, view), 'float32'),
    rows: (name, shape, indices) => cast(gather(load(store, full(name), shape, shape), indices), 'float32'),
    matrix: (name, shape) => loadMatrix(store, full(name), shape),
  }
}

function load(store: TensorStore, name: string, shape: readonly number[], view: Shape): Tensor {
  const stored = store.find(name)
  if (formatShape(stored.shape) !== formatShape(shape)) {
    const found = `${stored.file}: tensor "${name}" has shape ${formatShape(stored.shape)}`
    throw new Error(
      `${found}, the config asks for ${formatShape(shape)}. Is config.json of another checkpoint?`,
    )
  }
  if (sizeOf(view) !== sizeOf(shape))
    throw new Error(`weight "${name}": ${formatShape(view)} is no view of ${formatShape(shape)}`)
  return weight(stored, stored.dtype, view)
}

function loadMatrix(store: TensorStore, name: string, shape: readonly [number, number]): Matrix {
  const blocks = store.blocks?.(name) ?? null
  if (blocks === null) return load(store, name, shape, shape)
  const [values, scales, zeros] = [blocks.values, blocks.scales, blocks.zeros].map(part =>
    weight(part, part.dtype, part.shape),
  ) as [Tensor, Tensor, Tensor]
  return { bits: blocks.bits, blockSize: blocks.blockSize, values, scales, zeros }
}

/** Builds with the weights' path as scope, so that nodes and errors are named as the checkpoint names the part. */
export const within = <T>(weights: Weights, build: () => T): T => scoped(weights.path, build)
