import type { StoredBlocks, StoredTensor, TensorStore } from './nn/weights.ts'
import { packerId, packMatrix } from './onnx/session-pack-node.ts'
import { type Matrices, storeOf } from './precision.ts'
import type { WeightType } from './weight-types.ts'
import type { Checkpoint } from './weights/checkpoint.ts'
import {
  type Conversion,
  type ConversionOptions,
  type ConvertedWeights,
  floatWeights,
  halfWeights,
} from './weights/convert-node.ts'
import { type QuantizedMatrix, quantizedWeights } from './weights/quantize-node.ts'

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
