import type { Dimension } from '../../graph/dimension.ts'
import { reshape, slice, transpose } from '../../graph/ops.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { attend } from '../../nn/attention.ts'
import { linear, project } from '../../nn/linear.ts'
import { layerNorm } from '../../nn/norm.ts'
import { type Weights, within } from '../../nn/weights.ts'
import { patchesPerSide } from '../clip/config.ts'
import { embedPicture, encoderLayer } from '../clip/vision.ts'
import type { VisionConfig } from './config.ts'

// B pictures · N patches a side · F = 1 + N*N features, the class token first · E width · H heads · D head size

/**
 * EVA-CLIP's ViT-g (Fang et al. 2023) as InstructBLIP has it: as CLIP's, but for queries, keys and values from one
 * matrix, biases of the patches, and a norm behind the last layer and not before the first.
 *
 * @param pixelValues [B,3,image_size,image_size], normalised
 * @returns `hidden`, the inputs of the layers and the output of the last one, and `features`; each [B,F,E]
 */
export function evaVision(
  pixelValues: Tensor,
  weights: Weights,
  config: VisionConfig,
): { hidden: Tensor[]; features: Tensor } {
  let x = embed(pixelValues, weights.at('embeddings'), config)
  const hidden = [x]
  for (let i = 0; i < config.num_hidden_layers; i++) {
    x = encoderLayer(x, weights.at(`encoder.layers.${i}`), config, selfAttention(config))
    hidden.push(x)
  }
  return { hidden, features: layerNorm(x, weights.at('post_layernorm'), config.layer_norm_eps) }
}

function embed(pixelValues: Tensor, embeddings: Weights, config: VisionConfig): Tensor {
  const { hidden_size: width } = config
  const [one, tokens] = [[1, 1, width], 1 + patchesPerSide(config) ** 2]
  return embedPicture(pixelValues, embeddings, config, {
    classToken: embeddings.get('class_embedding', one),
    positions: embeddings.get('position_embedding', [1, tokens, width]),
    bias: embeddings.get('patch_embedding.bias', [width]),
  })
}

const selfAttention =
  ({ hidden_size: width, num_attention_heads: heads, qkv_bias: hasBias }: VisionConfig) =>
  (x: Tensor, weights: Weights): Tensor =>
    within(weights, () => {
      const headSize = width / heads
      const qkv = weights.at('qkv')
      const bias = hasBias ? qkv.get('bias', [3 * width]) : null
      const all = project(x, qkv.matrix('weight', [3 * width, width]), bias)
      const [batch, tokens] = x.shape as [Dimension, Dimension]
      const apart = transpose(reshape(all, [batch, tokens, 3, heads, headSize]), [2, 0, 3, 1, 4])
      const part = (i: number): Tensor => reshape(slice(apart, 0, i, i + 1), [batch, heads, tokens, headSize])
      const { attended } = attend(part(0), part(1), part(2), headSize ** -0.5)
      return linear(reshape(transpose(attended, [0, 2, 1, 3]), x.shape), weights.at('projection'), width)
    })
