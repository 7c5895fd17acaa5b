import { z } from 'zod'
import { activation, epsilon, layerCount, size } from '../config.ts'

/** `vision_config` of `model_type: clip_vision_model`, with the reference implementation's defaults. */
export const clipVisionConfig = z
  .object({
    model_type: z.literal('clip_vision_model').default('clip_vision_model'),
    hidden_size: size.default(768),
    intermediate_size: size.default(3072),
    num_hidden_layers: layerCount.default(12),
    num_attention_heads: size.default(12),
    num_channels: z.literal(3).default(3),
    image_size: size.max(8192).default(224),
    patch_size: size.max(8192).default(32),
    hidden_act: activation.default('quick_gelu'),
    layer_norm_eps: epsilon.default(1e-5),
  })
  .refine(config => config.hidden_size % config.num_attention_heads === 0, {
    message: 'not a multiple of num_attention_heads',
    path: ['hidden_size'],
  })
  .refine(config => config.patch_size <= config.image_size, {
    message: 'larger than image_size',
    path: ['patch_size'],
  })

export type ClipVisionConfig = z.infer<typeof clipVisionConfig>

/** Patches along one side of the square input. */
export const patchesPerSide = (config: ClipVisionConfig): number =>
  Math.floor(config.image_size / config.patch_size)
