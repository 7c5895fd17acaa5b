import { sizeOf } from '../graph/dimension.ts'
import { gemm, reshape } from '../graph/ops.ts'
import { dimension, type Tensor } from '../graph/tensor.ts'
import { type Weights, within } from './weights.ts'

/** `x W^T + b` over the last axis: [...,in] -> [...,out]. The checkpoint may have no bias. */
export function linear(x: Tensor, weights: Weights, outSize: number): Tensor {
  return within(weights, () => {
    const w = weights.get('weight', [outSize, dimension(x, -1) as number])
    return project(x, w, weights.has('bias') ? weights.get('bias', [outSize]) : null)
  })
}

/** The same where the checkpoint must have a bias. */
export function affine(x: Tensor, weights: Weights, outSize: number): Tensor {
  within(weights, () => weights.get('bias', [outSize]))
  return linear(x, weights, outSize)
}

/** `x w^T + bias` over the last axis of x [...,in], with w [out,in]. */
export function project(x: Tensor, w: Tensor, bias: Tensor | null = null): Tensor {
  const leading = x.shape.slice(0, -1)
  const rows = reshape(x, [sizeOf(leading), dimension(x, -1)])
  return reshape(gemm(rows, w, bias), [...leading, dimension(w, 0)])
}
