import { sizeOf } from '../graph/dimension.ts'
import { concat, logSoftmax, mul, oneHot, reduceMean, reduceSum, reshape } from '../graph/ops.ts'
import { dimension, type Tensor } from '../graph/tensor.ts'
import type { Probe } from '../models/model.ts'

// L layers asked for · H query heads · n cached positions

/** What is read of a probe. */
export interface Reading {
  /** Tells readings apart. */
  readonly name: string
  /**
   * @param target int64 [1], the token that a gradient is taken of
   * @returns a row for each layer asked for, [L,n+1]
   */
  readonly build: (probe: Probe, layers: readonly number[], target: Tensor) => Tensor
}

/** The same of all that attends on the way from the answer to the cells. */
export interface MapReading extends Reading {
  /**
   * How the attention of a connector's query tokens to the picture is weighed by its gradient, both [H,Q,T], before heads
   * are averaged; null: it is not, and no gradient is needed.
   */
  readonly weigh: ((attention: Tensor, gradient: Tensor) => Tensor) | null
}

/** The attention of each layer, heads averaged. Each row sums to 1. */
export const attention: MapReading = {
  name: 'attention',
  build: ({ attentions }, layers) =>
    concat(
      layers.map(layer => headMean(attentions[layer] as Tensor)),
      0,
    ),
  weigh: null,
}

/** [...,n+1], any axes of heads -> [1,n+1]. */
export function headMean(x: Tensor): Tensor {
  const positions = dimension(x, -1)
  const heads = reshape(x, [sizeOf(x.shape.slice(0, -1)), positions])
  return reshape(reduceMean(heads, 0), [1, positions])
}

/** The paper's v = log softmax(z)_t of the logits z [1,V] and a token t, int64 [1]: one number, [1,1]. */
export const logProbability = (logits: Tensor, target: Tensor): Tensor =>
  reduceSum(mul(logSoftmax(logits), oneHot(target, dimension(logits, -1) as number)), [0, 1])
