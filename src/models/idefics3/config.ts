import { z } from 'zod'
import { patchesPerSide, visionConfig } from '../clip/config.ts'
import { size, tokenId } from '../config.ts'
import { llamaConfig } from '../llama/config.ts'

/** The first releases give the vision encoder the model's own type. */
const visionTypes = ['idefics3_vision', 'idefics3', 'smolvlm_vision', 'smolvlm'] as const

const idefics3VisionConfig = visionConfig(z.enum(visionTypes).default('idefics3_vision'), {
  hidden_size: 1152,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 16,
  patch_size: 32,
  hidden_act: 'gelu_pytorch_tanh',
  layer_norm_eps: 1e-6,
})

/** `config.json` of `model_type: idefics3` or `smolvlm`, with the reference implementation's defaults. */
export const idefics3Config = z
  .object({
    model_type: z.enum(['idefics3', 'smolvlm']),
    vision_config: z.preprocess(json => json ?? {}, idefics3VisionConfig),
    text_config: z.preprocess(json => json ?? { rms_norm_eps: 1e-5 }, llamaConfig),
    image_token_id: tokenId.default(128_257),
    scale_factor: size.default(2),
    tie_word_embeddings: z.boolean().optional(),
  })
  .refine(config => patchesPerSide(config.vision_config) % config.scale_factor === 0, {
    message: 'does not divide the patches along a side of a tile',
    path: ['scale_factor'],
  })

export type Idefics3Config = z.infer<typeof idefics3Config>
