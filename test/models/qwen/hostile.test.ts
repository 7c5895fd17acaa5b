import { describe, expect, it, test } from 'vitest'
import { ViCrop } from '../../../src/vicrop.ts'
import { alteredFrom, type Change, config, setJson, without, withReversedShape } from '../altered.ts'
import { modelPath as llavaPath } from '../fixtures.ts'
import { refusal, testRefusals, unsupported } from '../refusal.ts'
import { modelPath } from './fixtures.ts'

const vision = (fields: Record<string, unknown>): Change => config({ vision_config: fields })
const processor = (fields: Record<string, unknown>): Change => setJson('preprocessor_config.json', fields)

describe('a config', () => {
  testRefusals(modelPath('base'), '%s is refused', [
    [
      'whose rotary sections do not fill a head',
      config({ rope_scaling: { mrope_section: [1, 1, 1] } }),
      `config.json: "text_config.mrope_section": does not add up to half a head. ${unsupported}`,
    ],
    [
      'with rotary sections without end',
      config({ rope_scaling: { mrope_section: Array(1000).fill(0) } }),
      `config.json: "text_config.mrope_section": expected at most 64, found [${'0,'.repeat(39)}0…. ${unsupported}`,
    ],
    [
      'with rotary positions of a kind that is not supported',
      config({ rope_scaling: { type: 'yarn', factor: 4 } }),
      /^config\.json: "text_config\.rope_scaling\.rope_type": expected "/,
    ],
    [
      'with rotary settings that are none',
      config({ rope_scaling: 'mrope' }),
      `config.json: "text_config.rope_scaling": expected an object, found "mrope". ${unsupported}`,
    ],
    [
      'with sliding windows',
      config({ use_sliding_window: true, max_window_layers: 1 }),
      `config.json: "text_config.use_sliding_window": sliding windows in the language model are not supported, and published checkpoints have none. ${unsupported}`,
    ],
    [
      'whose parts are of different width',
      vision({ out_hidden_size: 48 }),
      `config.json: "vision_config.out_hidden_size": is not the language model's hidden_size. ${unsupported}`,
    ],
    [
      'whose vision heads have no room for rows and columns',
      vision({ num_heads: 5 }),
      `config.json: "vision_config.num_heads": hidden_size / num_heads must be a multiple of 4 for rotary rows and columns. ${unsupported}`,
    ],
    [
      'with a window smaller than a cell',
      vision({ window_size: 3 }),
      `config.json: "vision_config.window_size": smaller than a cell, spatial_merge_size * patch_size. ${unsupported}`,
    ],
    [
      'with a window of more patches than can be seen at once',
      vision({ window_size: 100 }),
      `config.json: "vision_config.window_size": more than 48 patches. ${unsupported}`,
    ],
    [
      'with layers that are no list',
      vision({ fullatt_block_indexes: 7 }),
      `config.json: "vision_config.fullatt_block_indexes": expected a list of layers, found 7. ${unsupported}`,
    ],
    [
      'with more layers than any model',
      vision({ depth: 1e6 }),
      `config.json: "vision_config.depth": expected at most 1024, found 1000000. ${unsupported}`,
    ],
    [
      'with patches larger than any picture',
      vision({ patch_size: 4096 }),
      `config.json: "vision_config.patch_size": expected at most 128, found 4096. ${unsupported}`,
    ],
    [
      'with four channels of colour',
      vision({ in_chans: 4 }),
      `config.json: "vision_config.in_channels": expected 3, found 4. ${unsupported}`,
    ],
    [
      'without parts',
      config({ vision_config: 3 }),
      `config.json: "vision_config": expected an object, found 3. ${unsupported}`,
    ],
  ])
})

describe('an image processor', () => {
  testRefusals(modelPath('base'), '%s is refused', [
    [
      'of another model',
      processor({ image_processor_type: 'CLIPImageProcessor' }),
      `preprocessor_config.json: "image_processor_type": expected Qwen2VLImageProcessor, as Qwen2-VL and Qwen2.5-VL checkpoints have, found "CLIPImageProcessor". ${unsupported}`,
    ],
    [
      'with other patches than the model',
      processor({ patch_size: 14 }),
      'processor: patch_size is 14, but config.json: vision_config.patch_size is 2. Do the two files belong together?',
    ],
    [
      'that joins other patches than the model',
      processor({ merge_size: 1 }),
      'processor: merge_size is 1, but config.json: vision_config.spatial_merge_size is 2. Do the two files belong together?',
    ],
    [
      'with more pixels at least than at most',
      processor({ min_pixels: 5000 }),
      'preprocessor_config.json: at least 5000 pixels, but at most 4096. Set min_pixels below max_pixels.',
    ],
    [
      'with pixels without end',
      processor({ max_pixels: 1e12 }),
      `preprocessor_config.json: "max_pixels": expected at most 67108864, found 1000000000000. ${unsupported}`,
    ],
    [
      'that leaves pictures as they are',
      processor({ do_resize: false }),
      `preprocessor_config.json: "do_resize": expected true, as the sides of a picture must be multiples of a cell, found false. ${unsupported}`,
    ],
  ])
})

describe('weights', () => {
  test.each([
    'model.layers.1.self_attn.k_proj.bias',
    'visual.blocks.0.attn.qkv.bias',
    'visual.merger.ln_q.weight',
    'visual.patch_embed.proj.weight',
    'lm_head.weight',
  ])('without %s are refused', async name => {
    expect(await refusal(alteredFrom(modelPath('base'), without(name)))).toMatch(
      `model.safetensors: tensor "${name}" not found. Nearest: "`,
    )
  })

  const convolution = 'visual.patch_embed.proj.weight'
  testRefusals(modelPath('base'), 'of another shape are refused, those of %s too', [
    [
      'the convolution over time',
      withReversedShape(convolution),
      `model.safetensors: tensor "${convolution}" has shape [2,2,2,3,24], the config asks for [24,3,2,2,2]. Is config.json of another checkpoint?`,
    ],
  ])
})

it('a way to fit pictures to a square is refused by a model that takes them as they are', async () => {
  expect(await refusal(modelPath('base'), { fit: 'pad' })).toBe(
    'fit pad: this model takes pictures in their own proportions. Leave the fit out.',
  )
})

test.each([
  [63, 'max pixels: expected a whole number from 64 to 67108864 for this model, found 63.'],
  [1e9, 'max pixels: expected a whole number from 64 to 67108864 for this model, found 1000000000.'],
  [99.5, 'max pixels: expected a whole number from 64 to 67108864 for this model, found 99.5.'],
])('%d pixels at most are refused', async (maxPixels, message) => {
  expect(await refusal(modelPath('base'), { maxPixels })).toBe(message)
})

it('the most pixels are refused by a model with an input of one size', async () => {
  await expect(ViCrop.open(llavaPath('base'), { maxPixels: 5000 })).rejects.toThrow(
    'max pixels 5000: this model gives every picture the same number. Leave them out.',
  )
})

describe('a picture', () => {
  const grey = (width: number, height: number) => ({
    width,
    height,
    data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 37) % 251),
  })

  test.each([
    [1, 1],
    [1, 200],
    [150, 1],
    [300, 2],
    [640, 480],
  ])('of %i x %i is answered about', async (width, height) => {
    await using vicrop = await ViCrop.open(modelPath('base'))
    using picture = await vicrop.see(grey(width, height))
    for (const method of ['rel-att', 'grad-att', 'pure-grad'] as const) {
      const asked = await picture.ask('What?', { method, maxNewTokens: 2 })
      expect(asked).toHaveProperty('answer')
      const { importance } = asked
      expect(importance?.values.every(Number.isFinite)).toBe(true)
    }
  })

  test.each([
    [1, 201],
    [402, 2],
  ])('of %i x %i is refused in one sentence', async (width, height) => {
    await using vicrop = await ViCrop.open(modelPath('base'))
    await expect(vicrop.see(grey(width, height))).rejects.toThrow(
      `picture: ${width}x${height} has one side more than 200 times the other. Cut it into pieces.`,
    )
  })

  it('of more cells than the model has positions is refused before it is encoded', async () => {
    const folder = alteredFrom(modelPath('base'), config({ max_position_embeddings: 64 }))
    await using vicrop = await ViCrop.open(folder)
    await expect(vicrop.see(grey(640, 480))).rejects.toThrow(
      /^picture: takes \d+ positions, the model has room for 64\./,
    )
  })
})

it('a question that asks about a video is refused', async () => {
  await using vicrop = await ViCrop.open(modelPath('base'))
  using picture = await vicrop.see({ width: 20, height: 20, data: new Uint8Array(1200) })
  await expect(picture.ask('What happens in <|video_pad|>?')).rejects.toThrow(
    'question: contains <|video_pad|>, and videos are not supported. Ask about a picture.',
  )
})
