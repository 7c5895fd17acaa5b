import { describe, expect, test } from 'vitest'
import { parseProcessor } from '../../src/models/llava/processor.ts'

const square = (side: number) => ({ width: side, height: side })

test('an empty file means the reference defaults', () => {
  expect(parseProcessor({})).toEqual({
    padding: null,
    size: { shortestEdge: 224 },
    input: square(224),
    resample: 'bicubic',
    rescaleFactor: 1 / 255,
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
  })
})

test('sizes are read in every way that published checkpoints write them', () => {
  const expected = { size: { shortestEdge: 336 }, input: square(336) }
  const asObject = { size: { shortest_edge: 336 }, crop_size: { height: 336, width: 336 } }
  expect(parseProcessor({ image_processor_type: 'CLIPImageProcessor', ...asObject })).toMatchObject(expected)
  expect(
    parseProcessor({ feature_extractor_type: 'CLIPFeatureExtractor', size: 336, crop_size: 336 }),
  ).toMatchObject(expected)
  expect(parseProcessor({ size: { height: 384, width: 384 }, do_center_crop: false })).toMatchObject({
    size: square(384),
    input: square(384),
  })
})

test('the nested file of transformers 5 and null fields are read', () => {
  const nested = {
    processor_class: 'LlavaProcessor',
    image_processor: { size: 30, crop_size: 28, resample: null },
  }
  expect(parseProcessor(nested)).toMatchObject({
    size: { shortestEdge: 30 },
    input: square(28),
    resample: 'bicubic',
  })
})

test('padding takes the mean as its colour, cut to whole numbers, and is a setting of LLaVA alone', () => {
  const padding = (image_processor_type: string) =>
    parseProcessor({ image_processor_type, do_pad: true }).padding
  expect(padding('LlavaImageProcessorFast')).toEqual([122, 116, 104])
  expect(padding('CLIPImageProcessor')).toBeNull()
})

describe('the caller may replace the fit', () => {
  const declared = { size: { shortest_edge: 256 }, crop_size: 224 }
  test.each([
    ['crop', { padding: null, size: { shortestEdge: 256 } }],
    ['pad', { padding: [122, 116, 104], size: square(224) }],
    ['stretch', { padding: null, size: square(224) }],
  ] as const)('%s', (fit, expected) => {
    expect(parseProcessor(declared, fit)).toMatchObject({ ...expected, input: square(224) })
  })

  test('crop covers the input where the file stretches', () => {
    const stretched = { size: { height: 224, width: 224 }, do_center_crop: false }
    expect(parseProcessor(stretched, 'crop')).toMatchObject({
      size: { shortestEdge: 224 },
      input: square(224),
    })
  })
})

test('what cannot be done is said in one sentence', () => {
  const messageOf = (json: unknown): string => {
    try {
      return JSON.stringify(parseProcessor(json))
    } catch (error) {
      return (error as Error).message
    }
  }
  const refused = [
    { image_processor_type: 'FuyuImageProcessor' },
    { crop_size: -3 },
    { size: { longest_edge: 336 } },
    { size: 1e9 },
    { resample: 9 },
    { image_std: [0.2, 0, 0.2] },
    { image_mean: [0.5, 0.5] },
    { rescale_factor: '1/255' },
    { do_center_crop: false },
    { image_processor: 'CLIP' },
    [],
  ]
  expect(refused.map(messageOf)).toMatchInlineSnapshot(`
    [
      "preprocessor_config.json: "image_processor_type": expected CLIPImageProcessor or LlavaImageProcessor, as LLaVA-1.5 checkpoints have, found "FuyuImageProcessor". Is it damaged, or of a model that is not supported?",
      "preprocessor_config.json: "crop_size": expected 1 to 8192 pixels as a number or {height, width}, found -3. Is it damaged, or of a model that is not supported?",
      "preprocessor_config.json: "size": expected 1 to 8192 pixels as a number, {shortest_edge} or {height, width}, found {"longest_edge":336}. Is it damaged, or of a model that is not supported?",
      "preprocessor_config.json: "size": expected 1 to 8192 pixels as a number, {shortest_edge} or {height, width}, found 1000000000. Is it damaged, or of a model that is not supported?",
      "preprocessor_config.json: "resample": expected a number from 0 to 5, found 9. Is it damaged, or of a model that is not supported?",
      "preprocessor_config.json: "image_std.1": expected a number from 0.000001 to 1000000, found 0. Is it damaged, or of a model that is not supported?",
      "preprocessor_config.json: "image_mean": expected three numbers or one, found [0.5,0.5]. Is it damaged, or of a model that is not supported?",
      "preprocessor_config.json: "rescale_factor": expected a number from 0.000001 to 1000000, found "1/255". Is it damaged, or of a model that is not supported?",
      "preprocessor_config.json: "do_center_crop" is false and "size" leaves one side open, but the model's input has one size: give "size" as {height, width}, or set "do_center_crop" and "crop_size"",
      "processor_config.json, image_processor: expected an object, found "CLIP". Is it damaged, or of a model that is not supported?",
      "preprocessor_config.json: expected an object, found []. Is it damaged, or of a model that is not supported?",
    ]
  `)
})
