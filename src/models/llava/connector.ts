import { concat, slice } from '../../graph/ops.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { activations } from '../../nn/activation.ts'
import { linear } from '../../nn/linear.ts'
import { type Weights, within } from '../../nn/weights.ts'
import type { LlavaConfig } from './config.ts'

// B pictures · T vision tokens, the class token first · Cv width of the vision encoder · C width of the language model

/** The vision features that LLaVA reads: states [B,T,Cv] side by side, without the class token if so configured. */
export function selectFeatures(states: readonly Tensor[], config: LlavaConfig): Tensor {
  const features = states.length === 1 ? (states[0] as Tensor) : concat(states, 2)
  return config.vision_feature_select_strategy === 'default' ? slice(features, 1, 1) : features
}

/** LLaVA-1.5's two-layer projector (Liu et al. 2023): [B,T,Cv] -> [B,T,C], each token by itself. */
export function connector(features: Tensor, weights: Weights, config: LlavaConfig): Tensor {
  const width = config.text_config.hidden_size
  const inner = linear(features, weights.at('linear_1'), width)
  const active = within(weights, () => activations[config.projector_hidden_act](inner))
  return linear(active, weights.at('linear_2'), width)
}
