import { z } from 'zod'
import { activation, size } from '../config.ts'
import { qwenConfig, sharedVisionFields, type VisionConfig } from '../qwen2_5_vl/config.ts'

/** `vision_config` of `model_type: qwen2_vl`, with the reference implementation's defaults. */
const visionConfig = z
  .object({
    ...sharedVisionFields,
    embed_dim: size.default(1280),
    hidden_size: size.default(3584),
    hidden_act: activation.default('quick_gelu'),
    mlp_ratio: size.max(64).default(4),
  })
  .transform(
    ({ embed_dim, hidden_size, mlp_ratio, in_channels: _, ...config }): VisionConfig => ({
      ...config,
      hidden_size: embed_dim,
      intermediate_size: embed_dim * mlp_ratio,
      out_hidden_size: hidden_size,
      norm: 'layer',
      mlp: 'plain',
      windows: null,
    }),
  )

export const qwen2VlConfig = qwenConfig('qwen2_vl', visionConfig)
