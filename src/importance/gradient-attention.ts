import { headMean, logProbability, type MapReading } from '../decode/probe.ts'
import { grad } from '../grad/grad.ts'
import { concat, mul, relu } from '../graph/ops.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Probe } from '../models/model.ts'

// L layers asked for · K key heads · H query heads · n cached positions · N cells of the map · V vocabulary

/**
 * Gradient-weighted attention (Zhang et al. 2025, grad-att): A~_st = A_st * relu(dv/dA_st), heads averaged, where the target
 * token's log probability v rises with what is attended to. No second prompt, and no backward pass through the prompt:
 * v depends on A_st through the last position alone, as no earlier position sees it. So the gradient of one position
 * over the cache is that of the whole model. A connector's A~_ti = A_ti * relu(dv/dA_ti) does need the way back through the
 * prompt, to the query tokens.
 */
export const gradientAttention: MapReading = {
  name: 'gradient-attention',
  build: (probe, layers, target) => {
    const gradients = attentionGradients(probe, layers, target)
    const weighted = layers.map((layer, l) =>
      headMean(byPositivePart(probe.attentions[layer] as Tensor, gradients[l] as Tensor)),
    )
    return concat(weighted, 0)
  },
  weigh: byPositivePart,
}

/** A * relu(dv/dA). */
function byPositivePart(attention: Tensor, gradient: Tensor): Tensor {
  return mul(attention, relu(gradient))
}

/**
 * dv/dA_st with v = log softmax(z)_t of the logits z [1,V].
 *
 * @param target t, int64 [1]
 * @returns for each layer asked for what its attention has: [K,H/K,n+1]
 */
export function attentionGradients(probe: Probe, layers: readonly number[], target: Tensor): Tensor[] {
  const attentions = layers.map(layer => probe.attentions[layer] as Tensor)
  return grad(logProbability(probe.logits, target), attentions)
}

/** Mean of several layers' maps: [L][N] -> [N]. */
export function meanOfLayers(layers: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(layers[0]?.length ?? 0)
  for (const layer of layers) {
    for (const [i, value] of layer.entries()) mean[i] = (mean[i] as number) + value / layers.length
  }
  return mean
}
