import { sizeOf } from '../graph/dimension.ts'
import { add, type BlockMatrix, cast, gemm, matMulNBits, padTo, reshape } from '../graph/ops.ts'
import { dimension, type Tensor } from '../graph/tensor.ts'
import { type Matrix, type Weights, within } from './weights.ts'

/** `x W^T + b` over the last axis: [...,in] -> [...,out]. The checkpoint may have no bias. */
export function linear(x: Tensor, weights: Weights, outSize: number): Tensor {
  return within(weights, () => {
    const w = weights.matrix('weight', [outSize, dimension(x, -1) as number])
    return project(x, w, weights.has('bias') ? weights.get('bias', [outSize]) : null)
  })
}

/** The same where the checkpoint must have a bias. */
export function affine(x: Tensor, weights: Weights, outSize: number): Tensor {
  within(weights, () => weights.get('bias', [outSize]))
  return linear(x, weights, outSize)
}

/** `x w^T + bias` over the last axis of x [...,in], with w [out,in]. */
export function project(x: Tensor, w: Matrix, bias: Tensor | null = null): Tensor {
  const leading = x.shape.slice(0, -1)
  const rows = reshape(x, [sizeOf(leading), dimension(x, -1)])
  const result = isTensor(w) ? gemm(rows, cast(w, 'float32'), bias) : blockProduct(rows, w, bias)
  return reshape(result, [...leading, dimension(result, 1)])
}

const isTensor = (w: Matrix): w is Tensor => 'node' in w

/** Rows of a matrix in blocks end in zeros, and so do those that they are multiplied with. */
function blockProduct(rows: Tensor, w: BlockMatrix, bias: Tensor | null): Tensor {
  const columns = (dimension(w.scales, 1) as number) * w.blockSize
  const product = matMulNBits(padTo(rows, 1, columns), w)
  return bias === null ? product : add(product, bias)
}
