import type { Chain } from '../../grad/chain.ts'
import { add, input, reshape, transpose } from '../../graph/ops.ts'
import { dimension, type Tensor } from '../../graph/tensor.ts'
import { linear } from '../../nn/linear.ts'
import { layerNorm } from '../../nn/norm.ts'
import { type Weights, within } from '../../nn/weights.ts'
import { patchesPerSide } from '../clip/config.ts'
import { embedPatches, encoderLayer, selfAttention } from '../clip/vision.ts'
import type { Idefics3Config } from './config.ts'

// B views · N patches a side · s scale_factor · T = (N/s)^2 tokens · Cv width of the vision encoder · C of the language model

/**
 * SigLIP's vision transformer (Zhai et al. 2023) and the pixel shuffle of Idefics3 (Laurencon et al. 2024): from
 * `pixel_values` [B,3,S,S] by way of the encoder's states `hidden.i` to `image_features` [B,T,C].
 *
 * Patches of a full view have the positions 0 to N*N - 1. (The reference computes them as shares of the side, in float32:
 * that is the same for the 14 to 32 patches of published encoders, and one off for some other numbers, as 19 and 25.)
 */
export function encode(vision: Weights, connector: Weights, config: Idefics3Config): Chain {
  const { vision_config: sizes, text_config: text } = config
  const side = patchesPerSide(sizes)
  const pixelValues = input('pixel_values', 'float32', ['B', 3, sizes.image_size, sizes.image_size])
  const embeddings = vision.at('embeddings')
  let x = within(embeddings, () => {
    const positions = embeddings.get('position_embedding.weight', [side * side, sizes.hidden_size])
    const bias = embeddings.get('patch_embedding.bias', [sizes.hidden_size])
    return add(embedPatches(pixelValues, embeddings, sizes, bias), positions)
  })
  const hidden: Record<string, Tensor> = { 'hidden.0': x }
  for (let i = 0; i < sizes.num_hidden_layers; i++) {
    x = encoderLayer(x, vision.at(`encoder.layers.${i}`), sizes, selfAttention(sizes))
    hidden[`hidden.${i + 1}`] = x
  }
  const normed = layerNorm(x, vision.at('post_layernorm'), sizes.layer_norm_eps)
  const shuffled = within(connector, () => pixelShuffle(normed, side, config.scale_factor))
  const features = linear(shuffled, connector.at('modality_projection.proj'), text.hidden_size)
  return { cuts: { pixel_values: pixelValues, ...hidden, image_features: features } }
}

/** Squares of s x s patches side by side in one token: [B,N*N,Cv] -> [B,T,s*s*Cv]. */
function pixelShuffle(x: Tensor, side: number, scale: number): Tensor {
  const [batch, width, across] = [dimension(x, 0), dimension(x, 2) as number, side / scale]
  const squares = transpose(reshape(x, [batch, across, scale, across, scale, width]), [0, 1, 3, 2, 4, 5])
  return reshape(squares, [batch, across * across, scale * scale * width])
}
