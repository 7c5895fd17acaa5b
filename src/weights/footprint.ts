import type { StoredDType, StoredTensor } from './safetensors.ts'

/**
 * What a tensor is to a model: the matrix of a linear layer in its encoder or its language model, one of these that is looked
 * up as a table too, or something else.
 */
export type Role = 'vision matrix' | 'language matrix' | 'shared matrix' | 'other'

/**
 * Bytes of memory that a number takes, by how the engine holds weights. Those in blocks are counted as ONNX Runtime arranges
 * them: 4 or 8 bits, and for each 32 of them a scale and a sum in float32.
 */
const bytesPerNumber = {
  f32: { 'vision matrix': 4, 'language matrix': 4, 'shared matrix': 4, other: 4 },
  f16: { 'vision matrix': 2, 'language matrix': 2, 'shared matrix': 2, other: 4 },
  q8: { 'vision matrix': 1.25, 'language matrix': 1.25, 'shared matrix': 5.25, other: 4 },
  q4: { 'vision matrix': 1.25, 'language matrix': 0.75, 'shared matrix': 4.75, other: 4 },
} as const satisfies Record<string, Record<Role, number>>

export type HeldDType = keyof typeof bytesPerNumber

export const heldDTypes = Object.keys(bytesPerNumber) as readonly HeldDType[]

const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/** How many numbers there are in all. */
export const parameterCount = (tensors: Iterable<Pick<StoredTensor, 'shape'>>): number =>
  Array.from(tensors, tensor => elements(tensor.shape)).reduce((sum, n) => sum + n, 0)

/** Bytes of weights as the engine holds them, each given with what it is. */
export const heldBytes = (
  tensors: Iterable<readonly [Pick<StoredTensor, 'shape'>, Role]>,
  dtype: HeldDType,
): number =>
  Array.from(tensors, ([{ shape }, role]) => bytesPerNumber[dtype][role] * elements(shape)).reduce(
    (sum, n) => sum + n,
    0,
  )

/** Bytes of weights as they are stored, by type. */
export function storedBytes(tensors: Iterable<StoredTensor>): Partial<Record<StoredDType, number>> {
  const bytes: Partial<Record<StoredDType, number>> = {}
  for (const { dtype, length } of tensors) bytes[dtype] = (bytes[dtype] ?? 0) + length
  return bytes
}
