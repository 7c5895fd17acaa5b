import { z } from 'zod'
import type { Fit, PreprocessSpec } from '../../image/preprocess.ts'
import { clipProcessor, specOf, squareOrExactSize } from '../clip/processor.ts'
import { optional, readProcessor } from '../image-processor.ts'

const blipProcessor = clipProcessor.extend({
  size: optional(squareOrExactSize, { height: 384, width: 384 }),
  do_center_crop: optional(z.boolean(), false),
})

/** Reads the image processor's settings, with the defaults of `BlipImageProcessor`, which stretches to its size. */
export function parseProcessor(json: unknown, fit?: Fit): PreprocessSpec {
  const { config, file } = readProcessor(json, blipProcessor, {
    pattern: 'Blip(FeatureExtractor|ImageProcessor)',
    what: 'BlipImageProcessor, as InstructBLIP checkpoints have',
  })
  return specOf(config, false, file, fit)
}
