import { z } from 'zod'
import { activation, epsilon, layerCount, size } from '../config.ts'

/** What a kind of vision encoder has unless its config says otherwise. */
interface VisionDefaults {
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_hidden_layers: number
  readonly num_attention_heads: number
  readonly patch_size: number
  readonly hidden_act: z.infer<typeof activation>
  readonly layer_norm_eps: number
}

/** `vision_config` of a vision transformer that takes squares. */
export const visionConfig = <T extends z.ZodType<string>>(modelType: T, defaults: VisionDefaults) =>
  z
    .object({
      model_type: modelType,
      hidden_size: size.default(defaults.hidden_size),
      intermediate_size: size.default(defaults.intermediate_size),
      num_hidden_layers: layerCount.default(defaults.num_hidden_layers),
      num_attention_heads: size.default(defaults.num_attention_heads),
      num_channels: z.literal(3).default(3),
      image_size: size.max(8192).default(224),
      patch_size: size.max(8192).default(defaults.patch_size),
      hidden_act: activation.default(defaults.hidden_act),
      layer_norm_eps: epsilon.default(defaults.layer_norm_eps),
    })
    .refine(config => config.hidden_size % config.num_attention_heads === 0, {
      message: 'not a multiple of num_attention_heads',
      path: ['hidden_size'],
    })
    .refine(config => config.patch_size <= config.image_size, {
      message: 'larger than image_size',
      path: ['patch_size'],
    })

/** `vision_config` of `model_type: clip_vision_model`, with the reference implementation's defaults. */
export const clipVisionConfig = visionConfig(z.literal('clip_vision_model').default('clip_vision_model'), {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  patch_size: 32,
  hidden_act: 'quick_gelu',
  layer_norm_eps: 1e-5,
})

export type ClipVisionConfig = z.infer<typeof clipVisionConfig>

/** Of any vision transformer that takes squares and is made of CLIP's layers. */
export type VisionConfig = Omit<ClipVisionConfig, 'model_type'>

/** Patches along one side of the square input. */
export const patchesPerSide = (config: Pick<VisionConfig, 'image_size' | 'patch_size'>): number =>
  Math.floor(config.image_size / config.patch_size)
