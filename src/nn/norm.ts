import { layerNormalization, rmsNormalization } from '../graph/ops.ts'
import { dimension, type Tensor } from '../graph/tensor.ts'
import { type Weights, within } from './weights.ts'

export function layerNorm(x: Tensor, weights: Weights, epsilon: number): Tensor {
  return within(weights, () => {
    const size = dimension(x, -1) as number
    return layerNormalization(x, weights.get('weight', [size]), weights.get('bias', [size]), epsilon)
  })
}

export function rmsNorm(x: Tensor, weights: Weights, epsilon: number): Tensor {
  return within(weights, () =>
    rmsNormalization(x, weights.get('weight', [dimension(x, -1) as number]), epsilon),
  )
}
