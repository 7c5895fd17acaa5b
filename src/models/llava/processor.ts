import type { Fit, PreprocessSpec } from '../../image/preprocess.ts'
import { clipProcessor, specOf } from '../clip/processor.ts'
import { readProcessor } from '../image-processor.ts'

/**
 * Reads `preprocessor_config.json`, or the part of `processor_config.json` that transformers 5 writes in its place, with
 * the defaults of `CLIPImageProcessor` and `LlavaImageProcessor`.
 *
 * `fit` replaces what the file says about pictures that are not square. Throws one sentence with the file and the field:
 * a value out of bounds, another image processor, or settings that leave the input's size to the picture.
 */
export function parseProcessor(json: unknown, fit?: Fit): PreprocessSpec {
  const { config, name, file } = readProcessor(json, clipProcessor, {
    pattern: '(CLIP|Llava)(FeatureExtractor|ImageProcessor)',
    what: 'CLIPImageProcessor or LlavaImageProcessor, as LLaVA-1.5 checkpoints have',
  })
  // CLIP's `do_pad` evens out the pictures of a batch; it does nothing to one picture.
  const pads = config.do_pad && (name === null || name.startsWith('Llava'))
  return specOf(config, pads, file, fit)
}
