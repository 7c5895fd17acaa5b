import type { StoredBlocks, StoredTensor, TensorStore } from './nn/weights.ts'
import { packerId, packMatrix } from './onnx/session-pack-node.ts'
import type { WeightType } from './weight-types.ts'
import type { Checkpoint, Weights } from './weights/checkpoint.ts'
import {
  type Conversion,
  type ConversionOptions,
  type ConvertedWeights,
  floatWeights,
  halfWeights,
} from './weights/convert-node.ts'
import { type QuantizedMatrix, quantizedWeights } from './weights/quantize-node.ts'

/** The matrices of a model's linear layers, by name: see `Weights.matrix`. */
export interface Matrices {
  readonly vision: ReadonlySet<string>
  readonly language: ReadonlySet<string>
  /** Those that are read as ordinary tensors too. */
  readonly shared: ReadonlySet<string>
}

/** A checkpoint's tensors as the graphs take them. */
export interface Prepared {
  readonly store: TensorStore
  /** The folder that the tensors' files are relative to. */
  readonly root: string
  /** null when the published weights are used as they are. */
  readonly converted: Conversion | null
}

/** The weights of a checkpoint in the type asked for: as published where they are so, from the cache otherwise. */
export async function prepareWeights(
  checkpoint: Checkpoint,
  dtype: WeightType,
  matrices: Matrices,
  options: ConversionOptions,
): Promise<Prepared> {
  if (dtype === 'f32') return prepared(await floatWeights(checkpoint, options))
  const all = new Set([...matrices.vision, ...matrices.language])
  if (dtype === 'f16') return prepared(await halfWeights(checkpoint, all, options))
  const language = dtype === 'q4' ? 4 : 8
  const bits = new Map([...all].map(name => [name, matrices.language.has(name) ? language : 8] as const))
  const packer = { id: packerId, pack: packMatrix }
  const { blocks, ...weights } = await quantizedWeights(checkpoint, bits, matrices.shared, packer, options)
  const { store, ...others } = prepared(weights)
  const isThere = (name: string): boolean => store.has(name) || blocks(name) !== null
  return { ...others, store: { ...store, has: isThere, blocks: name => storedBlocks(name, blocks(name)) } }
}

const prepared = (weights: ConvertedWeights): Prepared => ({
  store: storeOf(weights),
  root: weights.root,
  converted: weights.converted,
})

function storedBlocks(name: string, matrix: QuantizedMatrix | null): StoredBlocks | null {
  if (matrix === null) return null
  const { bits, blockSize, rows, blocks } = matrix
  const shapes = {
    values: [rows, blocks, (blockSize * bits) / 8],
    scales: [rows, blocks],
    zeros: [rows, (blocks * bits) / 8],
  }
  const part = (of: keyof typeof shapes, dtype: 'uint8' | 'float32'): StoredTensor => ({
    ...matrix[of],
    name: `${name}/${of}`,
    dtype,
    shape: shapes[of],
  })
  return {
    bits,
    blockSize,
    values: part('values', 'uint8'),
    scales: part('scales', 'float32'),
    zeros: part('zeros', 'uint8'),
  }
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
