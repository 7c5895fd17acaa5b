import { z } from 'zod'
import { activation, expected, layerCount, maxLayers, size, tokenId } from '../config.ts'
import { qwen2Config } from '../qwen2/config.ts'

/** The vision encoder's settings as it reads them, for both generations. */
export interface VisionConfig {
  readonly depth: number
  readonly hidden_size: number
  readonly intermediate_size: number
  readonly num_heads: number
  readonly hidden_act: z.infer<typeof activation>
  /** In pixels. */
  readonly patch_size: number
  /** Patches along a cell's side. */
  readonly spatial_merge_size: number
  /** How often a still picture is repeated. */
  readonly temporal_patch_size: number
  /** Width of what comes out. */
  readonly out_hidden_size: number
  readonly norm: 'rms' | 'layer'
  readonly mlp: 'gated' | 'plain'
  /** Cells along a window's side, and the layers that see beyond their window; null: all layers do. */
  readonly windows: { readonly side: number; readonly fullLayers: readonly number[] } | null
}

/** In pixels. Published ones are 14; larger ones than these would make a cell of the smallest picture a large one. */
const patchSize = size.max(128).default(14)
/** In patches along a side. A window's scores are all in memory at once; published windows have 8. */
const maxWindow = 48
/** Published ones are 2. */
const repeats = size.max(16).default(2)

export const sharedVisionFields = {
  depth: layerCount.default(32),
  num_heads: size.default(16),
  in_channels: z.literal(3).default(3),
  patch_size: patchSize,
  spatial_merge_size: repeats,
  temporal_patch_size: repeats,
}

/** `vision_config` of `model_type: qwen2_5_vl`, with the reference implementation's defaults. */
const visionConfig = z
  .object({
    ...sharedVisionFields,
    hidden_size: size.default(3584),
    hidden_act: activation.default('silu'),
    intermediate_size: size.default(3420),
    window_size: size.default(112),
    out_hidden_size: size.default(3584),
    fullatt_block_indexes: z
      .array(z.int().min(0).max(maxLayers), expected('a list of layers'))
      .max(maxLayers)
      .default([7, 15, 23, 31]),
  })
  .refine(config => config.window_size >= config.patch_size * config.spatial_merge_size, {
    message: 'smaller than a cell, spatial_merge_size * patch_size',
    path: ['window_size'],
  })
  .refine(config => config.window_size <= maxWindow * config.patch_size, {
    message: `more than ${maxWindow} patches`,
    path: ['window_size'],
  })
  .transform(
    ({ window_size, fullatt_block_indexes, in_channels: _, ...config }): VisionConfig => ({
      ...config,
      norm: 'rms',
      mlp: 'gated',
      windows: {
        side: Math.floor(Math.floor(window_size / config.spatial_merge_size) / config.patch_size),
        fullLayers: fullatt_block_indexes,
      },
    }),
  )

/**
 * `config.json`. Checkpoints on the hub have the language model's settings beside the others, newer ones in
 * `text_config`; the type of the vision encoder differs between generations.
 */
export const qwenConfig = <T extends string>(modelType: T, vision: z.ZodType<VisionConfig>) =>
  z
    .preprocess(
      separateParts,
      z.object({
        model_type: z.literal(modelType),
        vision_config: vision.refine(config => config.hidden_size % (4 * config.num_heads) === 0, {
          message: 'hidden_size / num_heads must be a multiple of 4 for rotary rows and columns',
          path: ['num_heads'],
        }),
        text_config: qwen2Config,
        image_token_id: tokenId.default(151655),
        tie_word_embeddings: z.boolean().default(false),
      }),
    )
    .refine(config => config.vision_config.out_hidden_size === config.text_config.hidden_size, {
      message: "is not the language model's hidden_size",
      path: ['vision_config', 'out_hidden_size'],
    })
    .transform(config => ({
      ...config,
      tie_word_embeddings: config.tie_word_embeddings || config.text_config.tie_word_embeddings,
    }))

export type QwenConfig = z.infer<ReturnType<typeof qwenConfig<'qwen2_5_vl' | 'qwen2_vl'>>>

export const qwen2_5VlConfig = qwenConfig('qwen2_5_vl', visionConfig)

function separateParts(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json
  const config = json as Record<string, unknown>
  return {
    ...config,
    text_config: config.text_config ?? config,
    vision_config: renameChannels(config.vision_config ?? {}),
  }
}

/** Checkpoints on the hub say `in_chans`. */
function renameChannels(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || !('in_chans' in json)) return json
  return { in_channels: json.in_chans, ...json }
}
