import { type LanguageModelV3, NoSuchModelError, type ProviderV3 } from '@ai-sdk/provider'
import type { OpenOptions } from '../load-node.ts'
import { languageModel } from './language-model.ts'
import { type CropMiddleware, cropMiddleware } from './middleware.ts'
import { Models } from './models.ts'
import { readLookOptions, type VicropLookOptions } from './options.ts'

/** Models that run in this process. Each is opened when it is first asked, and shared by all that name it. */
export interface VicropProvider extends ProviderV3 {
  /** @param modelId `demo`, a folder, or an id of the hub, `org/name[@revision]` */
  (modelId: string): LanguageModelV3
  languageModel(modelId: string): LanguageModelV3
  /**
   * Middleware for `wrapLanguageModel`: this model looks at the pictures of the last message of the user, and the wrapped
   * one is given a crop behind each.
   */
  middleware(modelId: string, options?: VicropLookOptions): CropMiddleware
  /** Closes the models once they have done what they are at; what is asked later opens them again. */
  release(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** A provider with options of its own for opening models. */
export function createVicrop(options: OpenOptions = {}): VicropProvider {
  const models = new Models(options)
  const model = (modelId: string): LanguageModelV3 => languageModel(modelId, models)
  const release = (): Promise<void> => models.release()
  return Object.assign((modelId: string) => model(modelId), {
    specificationVersion: 'v3' as const,
    languageModel: model,
    embeddingModel: none('embeddingModel'),
    imageModel: none('imageModel'),
    middleware: (modelId: string, look: VicropLookOptions = {}) =>
      cropMiddleware(modelId, models, readLookOptions(look, 'options')),
    release,
    [Symbol.asyncDispose]: release,
  })
}

const none =
  (modelType: 'embeddingModel' | 'imageModel') =>
  (modelId: string): never => {
    throw new NoSuchModelError({ modelId, modelType })
  }

/** The provider with default options. */
export const vicrop: VicropProvider = createVicrop()
