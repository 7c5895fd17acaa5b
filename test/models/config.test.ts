import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { parseConfig } from '../../src/models/config.ts'
import { llamaConfig } from '../../src/models/llama/config.ts'
import { llavaConfig } from '../../src/models/llava/config.ts'
import { ViCrop } from '../../src/vicrop.ts'
import { altered, remove, setJson, write } from './altered.ts'
import { type ExpectedQuestion, picturePath, readExpected } from './fixtures.ts'

const llava = (fields: object) => parseConfig(llavaConfig, { model_type: 'llava', ...fields }, 'config.json')
const llama = (fields: object) => parseConfig(llamaConfig, fields, 'config.json')

describe('what a config leaves out', () => {
  it('is what LLaVA-1.5-7B has', () => {
    expect(llava({})).toMatchObject({
      image_token_index: 32000,
      projector_hidden_act: 'gelu',
      vision_feature_layer: [-2],
      vision_feature_select_strategy: 'default',
      multimodal_projector_bias: true,
      vision_config: { hidden_size: 1024, num_hidden_layers: 24, image_size: 336, patch_size: 14 },
      text_config: { hidden_size: 4096, num_hidden_layers: 32, num_key_value_heads: 32, head_dim: 128 },
    })
  })

  it('is CLIP’s own default once there is a vision_config', () => {
    expect(llava({ vision_config: {} }).vision_config).toMatchObject({
      hidden_size: 768,
      num_hidden_layers: 12,
      image_size: 224,
      patch_size: 32,
    })
  })

  it('may be said by null', () => {
    const sizes = { hidden_size: 48, num_attention_heads: 4 }
    expect(llama({ ...sizes, head_dim: null, num_key_value_heads: null })).toMatchObject({
      head_dim: 12,
      num_key_value_heads: 4,
    })
    expect(llama({ ...sizes, rope_scaling: null }).rope_scaling).toEqual({ rope_type: 'default' })
    expect(llava({ text_config: null }).text_config.hidden_size).toBe(4096)
  })
})

describe('the rotary settings', () => {
  const linear = { rope_type: 'linear', factor: 4 }

  test.each([
    ['beside each other', { rope_theta: 5e5, rope_scaling: linear }],
    [
      'beside each other, with the type as it was first called',
      { rope_theta: 5e5, rope_scaling: { type: 'linear', factor: 4 } },
    ],
    ['together', { rope_parameters: { ...linear, rope_theta: 5e5 } }],
  ])('are read %s', (_, fields) => {
    expect(llama(fields)).toMatchObject({ rope_theta: 5e5, rope_scaling: linear })
  })

  it('of type dynamic are plain ones: no prompt is longer than what they begin at', () => {
    const { rope_scaling: scaling } = llama({ rope_parameters: { rope_type: 'dynamic', factor: 2 } })
    expect(scaling).toEqual({ rope_type: 'default' })
  })
})

it('the image token has two names, and feature layers are one or several', () => {
  expect(llava({ image_token_id: 7 }).image_token_index).toBe(7)
  expect(llava({ image_token_index: 8 }).image_token_index).toBe(8)
  expect(llava({ vision_feature_layer: [-3, 0] }).vision_feature_layer).toEqual([-3, 0])
})

describe('a checkpoint answers as the reference', () => {
  const { question, plain } = readExpected('base').pictures.tall.questions[0] as ExpectedQuestion
  const own = { image_processor_type: 'CLIPImageProcessor', crop_size: 56, size: { shortest_edge: 56 } }
  const dynamic = { rope_parameters: { rope_type: 'dynamic', factor: 4 } }

  test.each<[what: string, change: (folder: string) => void]>([
    ['as it is', () => {}],
    ['whose image token has another text', renameImageToken],
    [
      'whose settings name another stop token than its tokenizer',
      setJson('generation_config.json', { eos_token_id: 1 }),
    ],
    ['with dynamic rotary positions', setJson('config.json', { text_config: dynamic })],
    [
      'with the image processor in a file of its own',
      folder => {
        remove('processor_config.json')(folder)
        write('preprocessor_config.json', JSON.stringify(own))(folder)
      },
    ],
    [
      'with an image processor in both files, of which the newer one counts',
      write('preprocessor_config.json', JSON.stringify({ ...own, crop_size: 224 })),
    ],
  ])('%s', async (_, change) => {
    await using vicrop = await ViCrop.open(altered(change))
    using picture = await vicrop.see(picturePath('tall'))
    const { plainAnswer } = await picture.ask(question, { method: 'none' })
    expect(plainAnswer).toBe(plain.text)
  })
})

function renameImageToken(folder: string): void {
  const path = join(folder, 'tokenizer.json')
  const renamed = readFileSync(path, 'utf8').replace('"<image>"', '"[IMG]"')
  expect(renamed).toContain('"[IMG]"')
  writeFileSync(path, renamed)
}
