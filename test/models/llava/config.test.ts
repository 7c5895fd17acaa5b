import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { parseConfig } from '../../../src/models/config.ts'
import { llamaConfig } from '../../../src/models/llama/config.ts'
import { llavaConfig } from '../../../src/models/llava/config.ts'
import { ViCrop } from '../../../src/vicrop.ts'
import { altered, type Change, config, remove, setJson, write } from '../altered.ts'
import { type ExpectedQuestion, picturePath, readExpected } from '../fixtures.ts'
import { refusal, supportedModels, unsupported } from '../refusal.ts'

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

  test.each<[what: string, change: Change]>([
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

describe('a hostile config', () => {
  const text = (fields: Record<string, unknown>) => ({ text_config: fields })
  const vision = (fields: Record<string, unknown>) => ({ vision_config: fields })

  test.each<[fields: Record<string, unknown>, message: string]>([
    [text({ hidden_size: 1e12 }), '"text_config.hidden_size": expected at most 1048576, found 1000000000000'],
    [text({ hidden_size: -48 }), '"text_config.hidden_size": expected at least 1, found -48'],
    [text({ hidden_size: '48' }), '"text_config.hidden_size": expected a number, found "48"'],
    [text({ hidden_size: 47.5 }), '"text_config.hidden_size": expected a whole number, found 47.5'],
    [text({ hidden_size: null }), '"text_config.hidden_size": expected a number, found null'],
    [text({ hidden_size: [] }), '"text_config.hidden_size": expected a number, found []'],
    [
      text({ num_hidden_layers: 1e9 }),
      '"text_config.num_hidden_layers": expected at most 1024, found 1000000000',
    ],
    [
      vision({ intermediate_size: 1e15 }),
      '"vision_config.intermediate_size": expected at most 1048576, found 1000000000000000',
    ],
    [vision({ image_size: 9000 }), '"vision_config.image_size": expected at most 8192, found 9000'],
    [vision({ patch_size: 57 }), '"vision_config.patch_size": larger than image_size'],
    [
      vision({ num_attention_heads: 5 }),
      '"vision_config.hidden_size": not a multiple of num_attention_heads',
    ],
    [
      text({ num_key_value_heads: 3 }),
      '"text_config.num_attention_heads": not a multiple of num_key_value_heads',
    ],
    [
      text({ num_attention_heads: 5, num_key_value_heads: 5, head_dim: null }),
      '"text_config.head_dim": hidden_size / num_attention_heads must be even for rotary positions',
    ],
    [
      text({ max_position_embeddings: 1e12 }),
      '"text_config.max_position_embeddings": expected at most 16777216, found 1000000000000',
    ],
    [text({ rope_parameters: { rope_theta: 0 } }), '"text_config.rope_theta": expected more than 0, found 0'],
    [text({ rope_parameters: 'x' }), '"text_config.rope_scaling": expected an object, found "x"'],
    [
      text({ rope_parameters: { rope_type: 'yarn' } }),
      '"text_config.rope_scaling.rope_type": expected "default" or "linear" or "llama3", found "yarn"',
    ],
    [text({ model_type: 'opt' }), '"text_config.model_type": expected "llama" or "mistral", found "opt"'],
    [
      vision({ model_type: 'siglip_vision_model' }),
      '"vision_config.model_type": expected "clip_vision_model", found "siglip_vision_model"',
    ],
    [{ vision_config: null }, '"vision_config": expected an object, found null'],
    [{ tie_word_embeddings: 'yes' }, '"tie_word_embeddings": expected true or false, found "yes"'],
    [{ image_token_index: 1e9 }, '"image_token_index": expected at most 16777216, found 1000000000'],
    [{ vision_feature_layer: 4 }, '"vision_feature_layer": no such hidden state of the vision encoder'],
    [
      { vision_feature_layer: 'last\nline' },
      '"vision_feature_layer": expected a layer or a list of layers, found "last\\nline"',
    ],
    [
      { vision_feature_layer: new Array(100_000).fill(0) },
      `"vision_feature_layer": expected a layer or a list of layers, found [${'0,'.repeat(39)}0…`,
    ],
    [
      { vision_feature_select_strategy: 'cls' },
      '"vision_feature_select_strategy": expected "default" or "full", found "cls"',
    ],
  ])('of %j is refused', async (fields, message) => {
    expect(await refusal(altered(config(fields)))).toBe(`config.json: ${message}. ${unsupported}`)
  })

  test.each<[fields: Record<string, unknown>, message: string]>([
    [
      text({ vocab_size: 400 }),
      'model.safetensors: tensor "language_model.model.embed_tokens.weight" has shape [416,48], the config asks for [400,48]. Is config.json of another checkpoint?',
    ],
    [
      text({ num_hidden_layers: 1024 }),
      'model.safetensors: tensor "language_model.model.layers.3.input_layernorm.weight" not found. Nearest: "language_model.model.layers.0.input_layernorm.weight".',
    ],
    [
      vision({ image_size: 70 }),
      'processor: makes pictures of 56x56, but config.json: vision_config.image_size is 70. Do the two files belong together?',
    ],
    [
      { image_token_index: 5 },
      'tokenizer.json: no text becomes token 5, which config.json names as the image token. Do the two files belong together?',
    ],
  ])('of %j is refused where it meets the other files', async (fields, message) => {
    expect(await refusal(altered(config(fields)))).toBe(message)
  })

  test.each([
    ['"paligemma"', 'model_type "paligemma"'],
    ['"__proto__"', 'model_type "__proto__"'],
    ['7', 'model_type 7'],
  ])('of model_type %s is refused, and says what there is', async (modelType, found) => {
    const refused = altered(write('config.json', `{"model_type": ${modelType}}`))
    remove('processor_config.json')(refused)
    expect(await refusal(refused)).toBe(`config.json: ${found}, ${supportedModels}`)
  })

  test.each([
    ['[]', `config.json: no model_type, ${supportedModels}`],
    ['null', `config.json: no model_type, ${supportedModels}`],
    ['', 'config.json: is not JSON: Unexpected end of JSON input; download the file again.'],
  ])('that reads %j is refused', async (content, message) => {
    expect(await refusal(altered(write('config.json', content)))).toBe(message)
  })

  test.each(['{"model_type": "llava",', '{"model_type": "llava", "text_config": {"hidden_size": NaN}}'])(
    'that is broken is refused: %s',
    async content => {
      expect(await refusal(altered(write('config.json', content)))).toMatch(
        /^config\.json: is not JSON: .*; download the file again\.$/,
      )
    },
  )
})
