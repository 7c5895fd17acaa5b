import type { StoredDType, StoredTensor } from './safetensors.ts'

/** Bytes that a tensor of a shape takes in memory, by how the engine holds weights. */
const bytesOfShape = {
  f32: (shape: readonly number[]): number => 4 * elements(shape),
} as const

export type HeldDType = keyof typeof bytesOfShape

export const heldDTypes = Object.keys(bytesOfShape) as readonly HeldDType[]

const elements = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/** How many numbers there are in all. */
export const parameterCount = (tensors: Iterable<Pick<StoredTensor, 'shape'>>): number =>
  Array.from(tensors, tensor => elements(tensor.shape)).reduce((sum, n) => sum + n, 0)

/** Bytes of weights as the engine holds them. */
export const heldBytes = (tensors: Iterable<Pick<StoredTensor, 'shape'>>, dtype: HeldDType): number =>
  Array.from(tensors, tensor => bytesOfShape[dtype](tensor.shape)).reduce((sum, n) => sum + n, 0)

/** Bytes of weights as they are stored, by type. */
export function storedBytes(tensors: Iterable<StoredTensor>): Partial<Record<StoredDType, number>> {
  const bytes: Partial<Record<StoredDType, number>> = {}
  for (const { dtype, length } of tensors) bytes[dtype] = (bytes[dtype] ?? 0) + length
  return bytes
}
