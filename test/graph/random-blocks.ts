import type { BlockMatrix } from '../../src/graph/ops.ts'
import { constant } from '../../src/graph/ops.ts'
import { array, type NdArray, randomNumbers } from '../onnx/array.ts'

/** A matrix [N,K] in blocks of 32, of random values, zeros and scales, and the same numbers written out. */
export function randomBlocks(
  bits: 4 | 8,
  rows: number,
  blocks: number,
): { matrix: BlockMatrix; plain: NdArray } {
  const blockSize = 32
  const next = randomNumbers(bits)
  const whole = (count: number): number[] =>
    Array.from({ length: count }, () => Math.floor(((next() + 1) / 2) * 2 ** bits))
  const values = whole(rows * blocks * blockSize)
  const zeros = whole(rows * blocks)
  const scales = Float32Array.from({ length: rows * blocks }, () => (next() + 2) / 2 ** bits)
  const packed = (numbers: readonly number[]): number[] =>
    bits === 8
      ? [...numbers]
      : Array.from({ length: numbers.length / 2 }, (_, i) => numbers[2 * i]! | (numbers[2 * i + 1]! << 4))
  const matrix = {
    bits,
    blockSize,
    values: constant(packed(values), 'uint8', [rows, blocks, (blockSize * bits) / 8]),
    scales: constant(scales, 'float32', [rows, blocks]),
    zeros: constant(packed(zeros), 'uint8', [rows, (blocks * bits) / 8]),
  }
  const plain = array([rows, blocks * blockSize], (n, k) => {
    const block = n * blocks + Math.floor(k / blockSize)
    return (values[n * blocks * blockSize + k]! - zeros[block]!) * scales[block]!
  })
  return { matrix, plain }
}
