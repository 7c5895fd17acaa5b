import type { Chain } from '../../grad/chain.ts'
import { input } from '../../graph/ops.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { type TensorStore, type Weights, weightsAt } from '../../nn/weights.ts'
import { patchesPerSide } from '../clip/config.ts'
import { squareInput } from '../clip/square-input.ts'
import { clipVision } from '../clip/vision.ts'
import { parseConfig } from '../config.ts'
import { llama } from '../llama/language.ts'
import type { Model, ModelFiles, VisionModel } from '../model.ts'
import { instruct, layersOfPaper } from '../paper.ts'
import { type LlavaConfig, llavaConfig } from './config.ts'
import { connector, selectFeatures } from './connector.ts'
import { parseProcessor } from './processor.ts'

/** LLaVA-1.5 (Liu et al. 2023): CLIP's vision encoder, a two-layer projector, a Llama language model. */
export function llava(files: ModelFiles): Model {
  const config = parseConfig(llavaConfig, files.config, 'config.json')
  const places = locate(files.tensors)
  return { ...llavaModel(config, places), vision: llavaVision(files, places, config) }
}

/** All but the vision encoder, which newer LLaVA models have otherwise. */
export function llavaModel(config: LlavaConfig, places: Places): Omit<Model, 'vision'> {
  const { text_config: text } = config
  return {
    modelType: config.model_type,
    language: llama(places.language, isTied(config) ? null : places.head, text),
    imageTokenId: config.image_token_index,
    inputSize: config.vision_config.image_size,
    defaultLayers: layersOfPaper(text.num_hidden_layers),
    instruct,
    plainPrompt: (question, images, imageToken) =>
      `${imageToken.repeat(images)}\nUSER: ${instruct(question)}\nASSISTANT:`,
  }
}

const isTied = (config: LlavaConfig): boolean =>
  config.tie_word_embeddings ?? config.text_config.tie_word_embeddings

function llavaVision(files: ModelFiles, places: Places, config: LlavaConfig): VisionModel {
  const { vision_config: vision } = config
  const side = patchesPerSide(vision)
  const classTokens = config.vision_feature_select_strategy === 'full' ? 1 : 0
  return {
    ...squareInput(files, vision, parseProcessor, {
      rows: classTokens + side * side,
      firstCell: classTokens,
    }),
    encode: () => encode(places, config),
  }
}

/**
 * From `pixel_values` [B,3,size,size] by way of the encoder's states `hidden.i` to `image_features` [B,T,C].
 * @param finish what becomes of the projector's output
 */
export function encode(
  places: Places,
  config: LlavaConfig,
  finish: (features: Tensor) => Tensor = features => features,
): Chain {
  const { vision_config: vision, vision_feature_layer: wanted } = config
  const pixelValues = input('pixel_values', 'float32', ['B', 3, vision.image_size, vision.image_size])
  const { hidden, states } = clipVision(pixelValues, places.vision, vision, wanted)
  const features = finish(connector(selectFeatures(states, config), places.connector, config))
  const between = Object.fromEntries(hidden.map((state, i) => [`hidden.${i}`, state]))
  return { cuts: { pixel_values: pixelValues, ...between, image_features: features } }
}

export interface Places {
  readonly vision: Weights
  readonly connector: Weights
  readonly language: Weights
  readonly head: Weights
}

/**
 * Where the parts lie. Published checkpoints have one of several layouts: the first releases nest the parts of a
 * causal language model and of a CLIP model, newer ones put all under `model`.
 */
export function locate(tensors: TensorStore): Places {
  const first = (tensor: string, paths: readonly [string, ...string[]]): Weights =>
    weightsAt(tensors, paths.find(path => tensors.has(`${path}.${tensor}`)) ?? paths[0])
  return {
    vision: first('embeddings.class_embedding', [
      'vision_tower.vision_model',
      'vision_tower',
      'model.vision_tower.vision_model',
      'model.vision_tower',
    ]),
    connector: first('linear_1.weight', ['multi_modal_projector', 'model.multi_modal_projector']),
    language: first('embed_tokens.weight', [
      'language_model.model',
      'language_model',
      'model.language_model',
    ]),
    head: first('weight', ['language_model.lm_head', 'lm_head']),
  }
}
