import { z } from 'zod'
import { clipVisionConfig } from '../clip/config.ts'
import { activation, expected, maxLayers, tokenId } from '../config.ts'
import { llamaConfig } from '../llama/config.ts'

const featureLayer = z.int().min(-maxLayers).max(maxLayers)
const featureLayers = z.union(
  [featureLayer, z.array(featureLayer).min(1).max(maxLayers)],
  expected('a layer or a list of layers'),
)

/** What LLaVA-1.5's own config leaves unsaid of its CLIP ViT-L/14 at 336 pixels. */
const visionDefaults = {
  hidden_size: 1024,
  intermediate_size: 4096,
  num_hidden_layers: 24,
  num_attention_heads: 16,
  image_size: 336,
  patch_size: 14,
}

const llavaFields = z.object({
  model_type: z.enum(['llava', 'llava_next']),
  vision_config: z.preprocess(json => (json === undefined ? visionDefaults : json), clipVisionConfig),
  text_config: z.preprocess(json => json ?? {}, llamaConfig),
  image_token_index: tokenId.default(32000),
  projector_hidden_act: activation.default('gelu'),
  vision_feature_layer: featureLayers.default(-2),
  vision_feature_select_strategy: z.enum(['default', 'full']).default('default'),
  multimodal_projector_bias: z.boolean().default(true),
  tie_word_embeddings: z.boolean().optional(),
})

/** `config.json` of `model_type: llava` and what `llava_next` shares with it, with the reference implementation's defaults. */
export const llavaConfig = z
  .preprocess(renameImageToken, llavaFields)
  .transform(config => ({ ...config, vision_feature_layer: [config.vision_feature_layer].flat() }))
  .refine(
    config =>
      config.vision_feature_layer.every(layer => isState(layer, config.vision_config.num_hidden_layers)),
    {
      message: 'no such hidden state of the vision encoder',
      path: ['vision_feature_layer'],
    },
  )

export type LlavaConfig = z.infer<typeof llavaConfig>

/** Hidden states are counted from the embedding (0) to the last layer's output; negative ones from the end. */
const isState = (state: number, layers: number): boolean => state >= -(layers + 1) && state <= layers

/** Newer configs call the field `image_token_id`. */
function renameImageToken(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || !('image_token_id' in json)) return json
  return { image_token_index: json.image_token_id, ...json }
}
