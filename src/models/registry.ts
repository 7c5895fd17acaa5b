import { quoted } from './config.ts'
import { idefics3 } from './idefics3/model.ts'
import { instructBlip } from './instructblip/model.ts'
import { llava } from './llava/model.ts'
import { llavaNext } from './llava_next/model.ts'
import type { Model, ModelFiles } from './model.ts'
import { qwen2_5Vl } from './qwen2_5_vl/model.ts'
import { qwen2Vl } from './qwen2_vl/model.ts'

/** Every supported architecture by its `model_type`. */
const models: Readonly<Record<string, (files: ModelFiles) => Model>> = {
  llava,
  llava_next: llavaNext,
  idefics3,
  // An Idefics3 of small parts. The first SmolVLM goes by that name itself.
  smolvlm: idefics3,
  instructblip: instructBlip,
  qwen2_vl: qwen2Vl,
  qwen2_5_vl: qwen2_5Vl,
}

/** What builds the model that `config.json` names; nothing is read of the weights yet. */
export function modelMaker(config: unknown): (files: ModelFiles) => Model {
  const modelType = (config as { model_type?: unknown } | null)?.model_type
  const make =
    typeof modelType === 'string' && Object.hasOwn(models, modelType) ? models[modelType] : undefined
  if (make !== undefined) return make
  const found = modelType === undefined ? 'no model_type' : `model_type ${quoted(modelType)}`
  throw new Error(
    `config.json: ${found}, supported: ${Object.keys(models).join(', ')}. Open a checkpoint of such a model.`,
  )
}
