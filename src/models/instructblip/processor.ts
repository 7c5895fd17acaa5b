import { z } from 'zod'
import type { Fit, PreprocessSpec } from '../../image/preprocess.ts'
import { parseConfig } from '../config.ts'
import { locateProcessor, optional, processorName } from '../image-processor.ts'
import { clipProcessor, specOf, squareOrExactSize } from '../llava/processor.ts'

const blipProcessor = clipProcessor.extend({
  size: optional(squareOrExactSize, { height: 384, width: 384 }),
  do_center_crop: optional(z.boolean(), false),
})

/** Reads the image processor's settings, with the defaults of `BlipImageProcessor`, which stretches to its size. */
export function parseProcessor(json: unknown, fit?: Fit): PreprocessSpec {
  const located = locateProcessor(json)
  const { file, settings } = located
  const what = 'BlipImageProcessor, as InstructBLIP checkpoints have'
  processorName(located, 'Blip(FeatureExtractor|ImageProcessor)', what)
  return specOf(parseConfig(blipProcessor, settings, file), false, file, fit)
}
