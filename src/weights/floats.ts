import { widenBfloat16, widenFloat16 } from './half.ts'
import type { StoredDType, StoredTensor } from './safetensors.ts'

export type FloatDType = 'F32' | 'F16' | 'BF16'

export const bytesOf: Readonly<Record<FloatDType, number>> = { F32: 4, F16: 2, BF16: 2 }

/** A tensor of float numbers. */
export interface FloatTensor extends StoredTensor {
  readonly dtype: FloatDType
}

const isFloat = (tensor: StoredTensor): tensor is FloatTensor => Object.hasOwn(bytesOf, tensor.dtype)

export const isFloatDType = (dtype: StoredDType): dtype is FloatDType => Object.hasOwn(bytesOf, dtype)

/** The float tensors in the order in which they are best read: by file and offset. */
export const floatTensors = (tensors: Iterable<StoredTensor>): FloatTensor[] =>
  [...tensors]
    .filter(isFloat)
    .sort((a, b) => (a.file === b.file ? a.offset - b.offset : a.file < b.file ? -1 : 1))

/** float32 from the bytes of any type; little-endian, as the machines are that this runs on. */
export function asFloats(bytes: Uint8Array, dtype: FloatDType, room: Int32Array): Float32Array {
  if (dtype === 'F32') return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const source = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
  if (dtype === 'F16') widenFloat16(source, room)
  else widenBfloat16(source, room)
  return new Float32Array(room.buffer, 0, source.length)
}
