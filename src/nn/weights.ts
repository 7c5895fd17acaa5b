import { formatShape, type Shape, sizeOf } from '../graph/dimension.ts'
import { weight } from '../graph/ops.ts'
import { type DType, scoped, type Tensor, type WeightSource } from '../graph/tensor.ts'

/** A tensor of a checkpoint as the graph needs to know it. */
export interface StoredTensor extends WeightSource {
  readonly dtype: DType
  readonly shape: readonly number[]
}

/** The checkpoint's tensors; `find` throws an error that names the nearest one where there is none. */
export interface TensorStore {
  has(name: string): boolean
  find(name: string): StoredTensor
}

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
}

export function weightsAt(store: TensorStore, path: string): Weights {
  const full = (name: string): string => (path === '' ? name : `${path}.${name}`)
  return {
    path,
    at: name => weightsAt(store, full(name)),
    has: name => store.has(full(name)),
    get: (name, shape, view = shape) => load(store, full(name), shape, view),
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

/** Builds with the weights' path as scope, so that nodes and errors are named as the checkpoint names the part. */
export const within = <T>(weights: Weights, build: () => T): T => scoped(weights.path, build)
