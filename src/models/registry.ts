import { llava } from './llava/model.ts'
import type { Model, ModelFiles } from './model.ts'

/** Every supported architecture by its `model_type`. */
const models: Readonly<Record<string, (files: ModelFiles) => Model>> = { llava }

/** Builds the model that `config.json` names; nothing is read of the weights yet. */
export function makeModel(files: ModelFiles): Model {
  const modelType = (files.config as { model_type?: unknown } | null)?.model_type
  const make =
    typeof modelType === 'string' && Object.hasOwn(models, modelType) ? models[modelType] : undefined
  if (make === undefined) {
    const found = modelType === undefined ? 'no model_type' : `model_type ${JSON.stringify(modelType)}`
    throw new Error(`config.json: ${found}, supported: ${Object.keys(models).join(', ')}`)
  }
  return make(files)
}
