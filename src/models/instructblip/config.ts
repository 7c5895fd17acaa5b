import { z } from 'zod'
import { visionConfig } from '../clip/config.ts'
import { activation, epsilon, expected, layerCount, size, tokenId } from '../config.ts'
import { llamaConfig } from '../llama/config.ts'

/** `vision_config` of `model_type: instructblip_vision_model`, with the reference implementation's defaults. */
const instructBlipVision = visionConfig(
  z.literal('instructblip_vision_model').default('instructblip_vision_model'),
  {
    hidden_size: 1408,
    intermediate_size: 6144,
    num_hidden_layers: 39,
    num_attention_heads: 16,
    patch_size: 14,
    hidden_act: 'gelu',
    layer_norm_eps: 1e-6,
  },
).safeExtend({ qkv_bias: z.boolean().default(true) })

export type VisionConfig = z.infer<typeof instructBlipVision>

/** `qformer_config`; the width of what it attends to is that of the vision encoder, whatever the file says. */
const qformerConfig = z
  .object({
    model_type: z.literal('instructblip_qformer').default('instructblip_qformer'),
    vocab_size: size.default(30522),
    hidden_size: size.default(768),
    num_hidden_layers: layerCount.default(12),
    num_attention_heads: size.default(12),
    intermediate_size: size.default(3072),
    hidden_act: activation.default('gelu'),
    max_position_embeddings: size.default(512),
    layer_norm_eps: epsilon.default(1e-12),
    cross_attention_frequency: layerCount.default(2),
    position_embedding_type: z.literal('absolute').default('absolute'),
  })
  .refine(config => config.hidden_size % config.num_attention_heads === 0, {
    message: 'not a multiple of num_attention_heads',
    path: ['hidden_size'],
  })

export type QFormerConfig = z.infer<typeof qformerConfig>

/** InstructBLIP was published with Vicuna, which is a Llama, and with FlanT5. */
const withLlama = z.looseObject({
  text_config: z.looseObject({
    model_type: z.literal(
      'llama',
      expected('"llama", as InstructBLIP with Vicuna has (instructblip-vicuna-7b and -13b)'),
    ),
  }),
})

/** So many rows for every picture are more than any prompt has room for. */
const maxQueryTokens = 4096

const instructBlipFields = z.object({
  model_type: z.literal('instructblip'),
  vision_config: z.preprocess(json => json ?? {}, instructBlipVision),
  qformer_config: z.preprocess(json => json ?? {}, qformerConfig),
  text_config: llamaConfig,
  num_query_tokens: size.max(maxQueryTokens).default(32),
  /** Older checkpoints have none. */
  image_token_index: tokenId.nullish(),
  tie_word_embeddings: z.boolean().optional(),
})

/** `config.json` of `model_type: instructblip`, with the reference implementation's defaults. */
export const instructBlipConfig = withLlama.transform((config): unknown => config).pipe(instructBlipFields)

export type InstructBlipConfig = z.infer<typeof instructBlipConfig>
