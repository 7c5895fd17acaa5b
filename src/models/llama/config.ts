import { z } from 'zod'
import { activation, epsilon, layerCount, size } from '../config.ts'

/** The longest contexts published are of 10 million tokens. */
const positions = z
  .int()
  .min(1)
  .max(1 << 24)

const factor = z
  .number()
  .gt(0)
  .max(1 << 16)

const ropeScaling = z.discriminatedUnion('rope_type', [
  z.object({ rope_type: z.literal('default') }),
  z.object({ rope_type: z.literal('linear'), factor }),
  z.object({
    rope_type: z.literal('llama3'),
    factor,
    low_freq_factor: factor,
    high_freq_factor: factor,
    original_max_position_embeddings: positions,
  }),
])

const llamaFields = z.object({
  model_type: z.enum(['llama', 'mistral']).default('llama'),
  vocab_size: size.default(32000),
  hidden_size: size.default(4096),
  intermediate_size: size.default(11008),
  num_hidden_layers: layerCount.default(32),
  num_attention_heads: size.default(32),
  num_key_value_heads: size.optional(),
  head_dim: size.optional(),
  hidden_act: activation.default('silu'),
  rms_norm_eps: epsilon.default(1e-6),
  max_position_embeddings: positions.default(2048),
  tie_word_embeddings: z.boolean().default(false),
  rope_theta: z.number().gt(0),
  rope_scaling: ropeScaling,
  sliding_window: positions.nullish(),
})

/** What the reference implementation takes for granted of a Mistral. */
const mistralDefaults = {
  intermediate_size: 14336,
  num_key_value_heads: 8,
  max_position_embeddings: 131_072,
  sliding_window: 4096,
}

/**
 * `text_config` of `model_type: llama`, or `mistral`, which is a Llama with a window: with the reference implementation's
 * defaults. Prompts longer than the window are not taken, so that it changes nothing. Both ways of writing the
 * rotary settings are read: `rope_theta` beside `rope_scaling`, and all in `rope_parameters`.
 */
export const llamaConfig = z
  .preprocess(json => gatherRope(withDefaults(json)), llamaFields)
  .transform(config => ({
    ...config,
    num_key_value_heads: config.num_key_value_heads ?? config.num_attention_heads,
    head_dim: config.head_dim ?? config.hidden_size / config.num_attention_heads,
    max_position_embeddings:
      config.model_type === 'mistral'
        ? Math.min(config.max_position_embeddings, config.sliding_window ?? Number.POSITIVE_INFINITY)
        : config.max_position_embeddings,
  }))
  .refine(config => config.num_attention_heads % config.num_key_value_heads === 0, {
    message: 'not a multiple of num_key_value_heads',
    path: ['num_attention_heads'],
  })
  .refine(config => Number.isInteger(config.head_dim) && config.head_dim % 2 === 0, {
    message: 'hidden_size / num_attention_heads must be even for rotary positions',
    path: ['head_dim'],
  })

export type LlamaConfig = z.infer<typeof llamaConfig>

const withDefaults = (json: unknown): unknown => {
  const isMistral =
    typeof json === 'object' && (json as { model_type?: unknown } | null)?.model_type === 'mistral'
  return isMistral ? { ...mistralDefaults, ...json } : json
}

const defaultTheta = 10_000

function gatherRope(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json
  const config = { ...(json as Record<string, unknown>) }
  for (const key of ['head_dim', 'num_key_value_heads']) if (config[key] === null) delete config[key]
  const rope = (config.rope_parameters ?? config.rope_scaling ?? {}) as Record<string, unknown>
  const theta = rope.rope_theta ?? config.rope_theta ?? defaultTheta
  if (typeof rope !== 'object') return { ...config, rope_theta: theta, rope_scaling: rope }
  const type = rope.rope_type ?? rope.type ?? 'default'
  // `dynamic` changes nothing until a prompt is longer than `max_position_embeddings`, and none is.
  const known = type === 'dynamic' ? 'default' : type
  return { ...config, rope_theta: theta, rope_scaling: { ...rope, rope_type: known } }
}
