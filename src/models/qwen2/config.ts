import { z } from 'zod'
import { layerCount } from '../config.ts'
import { llamaConfig } from '../llama/config.ts'

/** How many pairs of channels turn with the time, then the row, then the column, and so on in turns. */
const sections = z.array(z.int().min(0).max(4096)).min(1).max(64)

/** What Qwen2 has beside a Llama. */
const ownFields = z
  .object({
    mrope_section: sections.default([16, 24, 24]),
    use_sliding_window: z.boolean().nullish(),
    max_window_layers: z.int().default(80),
    num_hidden_layers: layerCount,
  })
  .refine(config => !config.use_sliding_window || config.max_window_layers >= config.num_hidden_layers, {
    message: 'sliding windows in the language model are not supported, and published checkpoints have none',
    path: ['use_sliding_window'],
  })
  .transform(({ mrope_section }) => ({ mrope_section }))

const defaults = {
  vocab_size: 152064,
  hidden_size: 8192,
  intermediate_size: 29568,
  num_hidden_layers: 80,
  num_attention_heads: 64,
  num_key_value_heads: 8,
  max_position_embeddings: 32768,
  rms_norm_eps: 1e-5,
}

const defaultTheta = 1_000_000

/**
 * The language model of Qwen2-VL and Qwen2.5-VL with the reference implementation's defaults: a Llama whose queries, keys
 * and values have biases, and whose rotary positions have three coordinates.
 */
export const qwen2Config = z
  .preprocess(asLlama, z.intersection(llamaConfig, ownFields))
  .refine(config => 2 * config.mrope_section.reduce((a, b) => a + b, 0) === config.head_dim, {
    message: 'does not add up to half a head',
    path: ['mrope_section'],
  })

export type Qwen2Config = z.infer<typeof qwen2Config>

/** Rotary settings of type `mrope` are plain ones with `mrope_section`. */
function asLlama(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json
  const config = json as Record<string, unknown>
  const rope = config.rope_parameters ?? config.rope_scaling ?? {}
  if (typeof rope !== 'object') return { ...config, model_type: 'llama' }
  const { mrope_section, type, rope_type = type, ...others } = rope as Record<string, unknown>
  const { model_type: _, rope_parameters: __, head_dim: ___, ...kept } = config
  return {
    ...defaults,
    rope_theta: defaultTheta,
    ...kept,
    mrope_section,
    rope_scaling: { ...others, rope_type: rope_type === 'mrope' ? 'default' : (rope_type ?? 'default') },
  }
}
