import type { Chain } from '../../grad/chain.ts'
import { input, reshape } from '../../graph/ops.ts'
import { linear } from '../../nn/linear.ts'
import { weightsAt } from '../../nn/weights.ts'
import { patchesPerSide } from '../clip/config.ts'
import { squareInput } from '../clip/square-input.ts'
import { parseConfig } from '../config.ts'
import { llama } from '../llama/language.ts'
import type { Connection, Model, ModelFiles, QueryConnector, VisionModel } from '../model.ts'
import { type InstructBlipConfig, instructBlipConfig } from './config.ts'
import { parseProcessor } from './processor.ts'
import { qformer } from './qformer.ts'
import { evaVision } from './vision.ts'

// B pictures · T features of a picture, the class token first, E wide · Q query tokens, C wide in the language model
// I tokens of the instruction

/**
 * InstructBLIP (Dai et al. 2023) with Vicuna: EVA-CLIP's ViT-g, a Q-Former that is told the instruction, and its query
 * tokens, projected, before the text.
 *
 * What depends on the picture alone is the vision encoder's output, nearly all of the work that pictures cost, and it is
 * kept. The query tokens depend on the instruction too, so unlike LLaVA's features they are made anew for every question,
 * and prompts about one picture share no prefix unless they share the question. Keys and values of the cross-attention
 * would depend on the picture alone. They are not kept: of InstructBLIP-7B's shape they cost 7 of the 15 GFLOP of the
 * Q-Former, beside some 700 of prefilling the prompt.
 */
export function instructBlip(files: ModelFiles): Model {
  const config = parseConfig(instructBlipConfig, files.config, 'config.json')
  const { text_config: text, vision_config: vision } = config
  const language = weightsAt(files.tensors, 'language_model')
  const isTied = config.tie_word_embeddings ?? text.tie_word_embeddings
  return {
    modelType: config.model_type,
    vision: visionModel(files, config),
    connector: connector(files, config),
    language: llama(language.at('model'), isTied ? null : language.at('lm_head'), text),
    imageTokenId: config.image_token_index ?? null,
    imagesFirst: true,
    inputSize: vision.image_size,
    defaultLayers: [Math.floor((text.num_hidden_layers * paperLayer) / paperDepth)],
    instruct,
    plainPrompt: instruct,
  }
}

const instruct = (question: string): string => `Question: ${question} Short answer:`

/**
 * The paper reads layer 15 of Vicuna-7B's 32, with the Q-Former's cross-attention 2 of 6; other depths get the layers at
 * the same share of the way.
 */
const [paperLayer, paperDepth] = [15, 32]
const [paperCrossLayer, paperCrossDepth] = [2, 6]

function visionModel(files: ModelFiles, config: InstructBlipConfig): VisionModel {
  const { vision_config: vision } = config
  return {
    ...squareInput(files, vision, parseProcessor, { rows: config.num_query_tokens, firstCell: 1 }),
    encode: () => encode(files, config),
  }
}

/** From `pixel_values` [B,3,size,size] by way of the layers' inputs `hidden.i` to `image_features` [B,T,E]. */
function encode({ tensors }: ModelFiles, { vision_config: vision }: InstructBlipConfig): Chain {
  const pixelValues = input('pixel_values', 'float32', ['B', 3, vision.image_size, vision.image_size])
  const { hidden, features } = evaVision(pixelValues, weightsAt(tensors, 'vision_model'), vision)
  const between = Object.fromEntries(hidden.map((state, i) => [`hidden.${i}`, state]))
  return { cuts: { pixel_values: pixelValues, ...between, image_features: features } }
}

function connector(files: ModelFiles, config: InstructBlipConfig): QueryConnector {
  const { qformer_config: own, num_query_tokens: queryTokens } = config
  const layers = Math.ceil(own.num_hidden_layers / own.cross_attention_frequency)
  return {
    queryTokens,
    featureWidth: config.vision_config.hidden_size,
    layers,
    defaultLayers: [Math.floor((layers * paperCrossLayer) / paperCrossDepth)],
    tokenizer: {
      folder: 'qformer_tokenizer',
      vocabularySize: own.vocab_size,
      maxTokens: own.max_position_embeddings,
    },
    connect: () => connect(files, config),
  }
}

/** Not cut between layers: what lies inside all of them is a few megabytes. */
function connect({ tensors }: ModelFiles, config: InstructBlipConfig): Connection {
  const { qformer_config: own, num_query_tokens: count, vision_config: vision } = config
  const [features, width] = [1 + patchesPerSide(vision) ** 2, vision.hidden_size]
  const imageFeatures = input('image_features', 'float32', [1, features, width])
  const instruction = input('instruction_ids', 'int64', ['I'])
  const root = weightsAt(tensors, '')
  const tokens = root.get('query_tokens', [1, count, own.hidden_size], [count, own.hidden_size])
  const rows = reshape(imageFeatures, [features, width])
  const { queries, attentions } = qformer(rows, instruction, tokens, root.at('qformer'), own)
  const projected = linear(queries, root.at('language_projection'), config.text_config.hidden_size)
  return { cuts: { image_features: imageFeatures, query_features: projected }, attentions }
}
