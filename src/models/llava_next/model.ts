import { concat, expand } from '../../graph/ops.ts'
import { dimension, type Tensor } from '../../graph/tensor.ts'
import { type Weights, weightsAt, within } from '../../nn/weights.ts'
import { patchesPerSide } from '../clip/config.ts'
import { parseConfig } from '../config.ts'
import { type LlavaConfig, llavaConfig } from '../llava/config.ts'
import { encode, llavaModel, locate } from '../llava/model.ts'
import type { Model, ModelFiles, VisionModel } from '../model.ts'
import { instruct } from '../paper.ts'
import { llavaNextConfig } from './config.ts'
import { parseProcessor } from './processor.ts'
import { enlargedCrop, prepare, type Tiling } from './tiles.ts'

/**
 * LLaVA-NeXT, also called LLaVA-1.6 (Liu et al. 2024): LLaVA-1.5 that sees a picture twice, as a whole and in tiles on the
 * grid that fits it best. A row of tile tokens ends with a token of its own.
 */
export function llavaNext(files: ModelFiles): Model {
  const config = parseConfig(llavaConfig, files.config, 'config.json')
  const places = locate(files.tensors)
  return {
    ...llavaModel(config, places),
    vision: llavaNextVision(files, config),
    ...(config.text_config.model_type === 'mistral' ? { plainPrompt: mistralPrompt } : {}),
  }
}

const mistralPrompt: Model['plainPrompt'] = (question, images, imageToken) =>
  `[INST] ${imageToken.repeat(images)}\n${instruct(question)} [/INST]`

function llavaNextVision(files: ModelFiles, config: LlavaConfig): VisionModel {
  const { image_grid_pinpoints: pinpoints } = parseConfig(llavaNextConfig, files.config, 'config.json')
  const { image_size: tilePx, patch_size: patchPx } = config.vision_config
  if (files.fit !== null)
    throw new Error(
      `fit "${files.fit}": a llava_next model always sees the whole picture. Leave the fit out.`,
    )
  requireWholeTiles(tilePx, patchPx, pinpoints)
  const values = parseProcessor(files.processor, tilePx, pinpoints)
  const tiling: Tiling = { tilePx, patchPx, side: patchesPerSide(config.vision_config), pinpoints, values }
  const newline = weightsAt(files.tensors, files.tensors.has('image_newline') ? '' : 'model')
  return {
    encode: () =>
      encode(locate(files.tensors), config, features =>
        withNewline(features, newline, config.text_config.hidden_size),
      ),
    preprocess: image => prepare(image, tiling),
    enlarged: (crop, _, room) => enlargedCrop(crop, room, tiling),
  }
}

function requireWholeTiles(tilePx: number, patchPx: number, pinpoints: readonly (readonly number[])[]): void {
  const cut = pinpoints.flat().find(side => side % tilePx !== 0)
  if (cut !== undefined)
    throw new Error(
      `config.json: "image_grid_pinpoints": ${cut} pixels are no whole tiles of ${tilePx}. Is it damaged?`,
    )
  if (tilePx % patchPx !== 0)
    throw new Error(
      `config.json: "vision_config.image_size": ${tilePx} pixels are no whole patches of ${patchPx}. Is it damaged?`,
    )
}

/** Every view brings the token that ends a row as its last one: [B,T,C] -> [B,T+1,C]. */
function withNewline(features: Tensor, weights: Weights, width: number): Tensor {
  return within(weights, () => {
    const newline = weights.get('image_newline', [width], [1, 1, width])
    return concat([features, expand(newline, [dimension(features, 0), 1, width], features)], 1)
  })
}
