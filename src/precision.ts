import type { StoredTensor, TensorStore } from './nn/weights.ts'
import type { Weights } from './weights/checkpoint.ts'

/** The matrices of a model's linear layers, by name: see `Weights.matrix`. */
export interface Matrices {
  readonly vision: ReadonlySet<string>
  readonly language: ReadonlySet<string>
  /** Those that are read as ordinary tensors too. */
  readonly shared: ReadonlySet<string>
}

/** A store that notes which tensors are asked for as matrices, and which otherwise. */
export function noting(store: TensorStore, matrices: Set<string>, others: Set<string>): TensorStore {
  let asMatrix: string | null = null
  return {
    ...store,
    find(name) {
      if (name !== asMatrix) others.add(name)
      asMatrix = null
      return store.find(name)
    },
    // Who is told that there are no blocks asks for the tensor next.
    blocks(name) {
      matrices.add(name)
      asMatrix = name
      return null
    },
  }
}

const storedTypes = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const

/** The weights module's tensors in the graph's terms. */
export function storeOf(weights: Weights): TensorStore {
  return {
    has: name => weights.tensors.has(name),
    find(name): StoredTensor {
      const tensor = weights.tensor(name)
      const dtype = storedTypes[tensor.dtype as keyof typeof storedTypes]
      if (dtype === undefined)
        throw new Error(
          `${tensor.file}: tensor "${name}" is ${tensor.dtype}, expected F32, F16 or BF16. Save the checkpoint in one of them.`,
        )
      return { ...tensor, dtype }
    },
  }
}
