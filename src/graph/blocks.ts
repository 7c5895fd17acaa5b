import { requireFloat, requireShape } from './check.ts'
import { reread } from './leaves.ts'
import { dimension, GraphError, make, type Tensor } from './tensor.ts'

// Matrices whose numbers are stored in few bits.

/**
 * A matrix [N,K], each row in blocks: a number is (value - zero) * scale, of its value and of its block's zero and scale.
 *
 * N rows · K columns · S numbers in a block · B = K/S blocks in a row, an even number where the bits are 4
 */
export interface BlockMatrix {
  readonly bits: 4 | 8
  /** S */
  readonly blockSize: number
  /** uint8 [N,B,S*bits/8]; of two values in a byte the first has the low bits. */
  readonly values: Tensor
  /** float32 [N,B] */
  readonly scales: Tensor
  /** uint8 [N,B*bits/8] */
  readonly zeros: Tensor
}

/**
 * The numbers that are multiplied are 8-bit ones too, by blocks: the fastest that processors have, and an error far below
 * that of 4-bit weights.
 */
const accuracyLevel = 4

/** `x w^T` with a matrix in blocks: [M,K] -> [M,N]. */
export function matMulNBits(x: Tensor, w: BlockMatrix): Tensor {
  const { rows, columns } = checkBlocks(requireFloat('matMulNBits', x), w)
  const attributes = {
    N: rows,
    K: columns,
    bits: w.bits,
    block_size: w.blockSize,
    accuracy_level: accuracyLevel,
  }
  const inputs = [x, w.values, w.scales, w.zeros]
  return make('MatMulNBits', inputs, x.dtype, [dimension(x, 0), rows], attributes)
}

function checkBlocks(x: Tensor, w: BlockMatrix): { rows: number; columns: number } {
  const [rows, blocks] = w.scales.shape as readonly number[] as [number, number]
  const columns = blocks * w.blockSize
  if (x.shape.length !== 2 || dimension(x, 1) !== columns)
    throw new GraphError(`matMulNBits: the rows of [${x.shape}] do not have the matrix's ${columns} columns`)
  requireShape('matMulNBits: values', w.values, [rows, blocks, (w.blockSize * w.bits) / 8])
  requireShape('matMulNBits: zeros', w.zeros, [rows, (blocks * w.bits) / 8])
  return { rows, columns }
}

/** A matrix in blocks as float32 [N,K]. */
export function dequantize({ bits, blockSize, values, scales, zeros }: BlockMatrix): Tensor {
  const [rows, blocks] = scales.shape as readonly number[] as [number, number]
  const [dtype, shape] = [bits === 4 ? 'uint4' : 'uint8', [rows, blocks * blockSize]] as const
  const inputs = [reread(values, dtype, shape), scales, reread(zeros, dtype, [rows, blocks])]
  return make('DequantizeLinear', inputs, 'float32', shape, { axis: 1, block_size: blockSize })
}
