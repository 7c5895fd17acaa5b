import { add, concat, expand, reshape, slice, transpose } from '../../graph/ops.ts'
import { dimension, type Tensor } from '../../graph/tensor.ts'
import { activations } from '../../nn/activation.ts'
import { attend } from '../../nn/attention.ts'
import { linear, project } from '../../nn/linear.ts'
import { layerNorm } from '../../nn/norm.ts'
import { type Weights, within } from '../../nn/weights.ts'
import { type ClipVisionConfig, patchesPerSide, type VisionConfig } from './config.ts'

// B pictures · N patches a side · T = 1 + N*N tokens, the class token first · C width · H heads · D head size

/**
 * CLIP's vision transformer (Radford et al. 2021) up to the deepest state asked for.
 *
 * @param pixelValues [B,3,image_size,image_size], normalised
 * @param wanted which hidden states to give, as indices into the reference's list: 0 is the embedding, i the output
 *   of layer i, negative ones count from the end
 * @returns `hidden`, all states up to the deepest that is wanted, and `states`, those wanted in their order; each [B,T,C]
 */
export function clipVision(
  pixelValues: Tensor,
  weights: Weights,
  config: ClipVisionConfig,
  wanted: readonly number[],
): { hidden: Tensor[]; states: Tensor[] } {
  const indices = wanted.map(state => (state < 0 ? state + config.num_hidden_layers + 1 : state))
  const hidden = [embed(pixelValues, weights, config)]
  for (let i = 0; i < Math.max(...indices); i++) {
    const layer = weights.at(`encoder.layers.${i}`)
    hidden.push(encoderLayer(hidden[i] as Tensor, layer, config, selfAttention(config)))
  }
  return { hidden, states: indices.map(index => hidden[index] as Tensor) }
}

function embed(pixelValues: Tensor, weights: Weights, config: ClipVisionConfig): Tensor {
  const embeddings = weights.at('embeddings')
  const { hidden_size: width } = config
  const tokens = 1 + patchesPerSide(config) ** 2
  const embedded = embedPicture(pixelValues, embeddings, config, {
    classToken: embeddings.get('class_embedding', [width], [1, 1, width]),
    positions: embeddings.get('position_embedding.weight', [tokens, width]),
    bias: null,
  })
  return layerNorm(embedded, weights.at('pre_layrnorm'), config.layer_norm_eps)
}

/** What an encoder of patches has beside their kernel: [1,1,C], [T,C] or [1,T,C], and [C] or none. */
interface PatchWeights {
  readonly classToken: Tensor
  readonly positions: Tensor
  readonly bias: Tensor | null
}

/** The class token and the patches, each at its position: [B,3,image_size,image_size] -> [B,T,C]. */
export function embedPicture(
  pixelValues: Tensor,
  embeddings: Weights,
  config: PatchConfig,
  { classToken, positions, bias }: PatchWeights,
): Tensor {
  return within(embeddings, () => {
    const patches = embedPatches(pixelValues, embeddings, config, bias)
    const classTokens = expand(classToken, [dimension(patches, 0), 1, config.hidden_size], patches)
    return add(concat([classTokens, patches], 1), positions)
  })
}

type PatchConfig = Pick<VisionConfig, 'hidden_size' | 'image_size' | 'patch_size'>

/** A convolution whose stride is its size, written as the product it is: [B,3,P*N,P*N] -> [B,N*N,C]. */
export function embedPatches(
  pixelValues: Tensor,
  embeddings: Weights,
  config: PatchConfig,
  bias: Tensor | null,
): Tensor {
  const { hidden_size: width, patch_size: patch } = config
  const side = patchesPerSide(config)
  const batch = dimension(pixelValues, 0)
  const covered = trim(trim(pixelValues, 2, side * patch), 3, side * patch)
  const split = transpose(reshape(covered, [batch, 3, side, patch, side, patch]), [0, 2, 4, 1, 3, 5])
  const elements = 3 * patch * patch
  const kernel = embeddings.get('patch_embedding.weight', [width, 3, patch, patch], [width, elements])
  return project(reshape(split, [batch, side * side, elements]), kernel, bias)
}

/** Pixels past the last whole patch are not seen. */
const trim = (x: Tensor, axis: number, size: number): Tensor =>
  dimension(x, axis) === size ? x : slice(x, axis, 0, size)

/** A layer with norms before its parts: [B,T,C] -> [B,T,C]. */
export function encoderLayer(
  x: Tensor,
  weights: Weights,
  config: LayerConfig,
  attention: (x: Tensor, weights: Weights) => Tensor,
): Tensor {
  return within(weights, () => {
    const { layer_norm_eps: epsilon } = config
    const normed = layerNorm(x, weights.at('layer_norm1'), epsilon)
    const attended = add(x, attention(normed, weights.at('self_attn')))
    const normedAgain = layerNorm(attended, weights.at('layer_norm2'), epsilon)
    return add(attended, mlp(normedAgain, weights.at('mlp'), config))
  })
}

type LayerConfig = Pick<VisionConfig, 'hidden_size' | 'intermediate_size' | 'hidden_act' | 'layer_norm_eps'>

/** Softmax attention of all to all. */
export const selfAttention =
  (config: VisionConfig) =>
  (x: Tensor, weights: Weights): Tensor =>
    within(weights, () => {
      const { hidden_size: width, num_attention_heads: heads } = config
      const headSize = width / heads
      const split = [dimension(x, 0), dimension(x, 1), heads, headSize]
      const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map(name =>
        transpose(reshape(linear(x, weights.at(name), width), split), [0, 2, 1, 3]),
      ) as [Tensor, Tensor, Tensor]
      const { attended } = attend(q, k, v, headSize ** -0.5)
      return linear(reshape(transpose(attended, [0, 2, 1, 3]), x.shape), weights.at('out_proj'), width)
    })

function mlp(x: Tensor, weights: Weights, config: LayerConfig): Tensor {
  const inner = linear(x, weights.at('fc1'), config.intermediate_size)
  const active = within(weights, () => activations[config.hidden_act](inner))
  return linear(active, weights.at('fc2'), config.hidden_size)
}
