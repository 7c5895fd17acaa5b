import { weightsAt } from '../../nn/weights.ts'
import { patchesPerSide } from '../clip/config.ts'
import { parseConfig } from '../config.ts'
import { llama } from '../llama/language.ts'
import type { Model, ModelFiles, VisionModel } from '../model.ts'
import { instruct, layersOfPaper } from '../paper.ts'
import { type Idefics3Config, idefics3Config } from './config.ts'
import { parseProcessor } from './processor.ts'
import { enlargedCrop, prepare, type Tiling } from './tiles.ts'
import { encode } from './vision.ts'

/**
 * Idefics3 (Laurencon et al. 2024): SigLIP's vision encoder on tiles of the picture and on the whole of it, pixel shuffle, a
 * Llama language model. Between the tiles the prompt says where each lies.
 */
export function idefics3(files: ModelFiles): Model {
  const config = parseConfig(idefics3Config, files.config, 'config.json')
  const { text_config: text, vision_config: vision } = config
  const isTied = config.tie_word_embeddings ?? text.tie_word_embeddings
  return {
    modelType: config.model_type,
    vision: idefics3Vision(files, config),
    language: llama(
      weightsAt(files.tensors, 'model.text_model'),
      isTied ? null : weightsAt(files.tensors, 'lm_head'),
      text,
    ),
    imageTokenId: config.image_token_id,
    // What the encoder sees at once, as in the paper: a tile. The crop is then seen in as many tiles as the whole.
    inputSize: vision.image_size,
    defaultLayers: layersOfPaper(text.num_hidden_layers),
    instruct,
    plainPrompt: (question, images, imageToken, bos) =>
      `${bos}User:${imageToken.repeat(images)}${instruct(question)}<end_of_utterance>\nAssistant:`,
  }
}

function idefics3Vision(files: ModelFiles, config: Idefics3Config): VisionModel {
  const { vision_config: vision, scale_factor: scale } = config
  if (files.fit !== null)
    throw new Error(
      `fit "${files.fit}": a ${config.model_type} model always sees the whole picture. Leave the fit out.`,
    )
  const processor = parseProcessor(files.processor, vision.image_size)
  const side = patchesPerSide(vision) / scale
  const tiling: Tiling = { ...processor, tilePx: vision.image_size, cellPx: vision.patch_size * scale, side }
  const at = (part: string) => weightsAt(files.tensors, `model.${part}`)
  return {
    encode: () => encode(at('vision_model'), at('connector'), config),
    preprocess: image => prepare(image, tiling),
    enlarged: (crop, picture, room) => enlargedCrop(crop, picture, room, tiling),
  }
}
