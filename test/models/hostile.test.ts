import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { ViCrop } from '../../src/vicrop.ts'
import { altered, type HeaderEntry, remove, setHeader, setJson, write } from './altered.ts'
import { picturePath } from './fixtures.ts'
import { refusal, supportedModels } from './refusal.ts'

type Change = (folder: string) => void

const norm = 'language_model.model.norm.weight'
const head = 'language_model.lm_head.weight'
const entry = (header: Record<string, HeaderEntry>, name: string): HeaderEntry => header[name] as HeaderEntry

const damaged = 'the file is damaged, download it again.'

describe('weights', () => {
  test.each<[what: string, change: Change, message: string | RegExp]>([
    [
      'without a tensor of the language model',
      setHeader(header => {
        header.renamed = entry(header, norm)
        delete header[norm]
      }),
      /^model\.safetensors: tensor "language_model\.model\.norm\.weight" not found\. Nearest: ".*norm\.weight"\.$/,
    ],
    [
      'without a tensor of the vision encoder',
      setHeader(header => {
        const name = 'vision_tower.encoder.layers.0.mlp.fc1.weight'
        header.renamed = entry(header, name)
        delete header[name]
      }),
      /^model\.safetensors: tensor "vision_tower\.encoder\.layers\.0\.mlp\.fc1\.weight" not found\. Nearest: "/,
    ],
    [
      'with a tensor of another shape',
      setHeader(header => entry(header, head).shape.reverse()),
      `model.safetensors: tensor "${head}" has shape [48,416], the config asks for [416,48]. Is config.json of another checkpoint?`,
    ],
    [
      'with a tensor of another type',
      setHeader(header => {
        entry(header, norm).dtype = 'I32'
      }),
      `model.safetensors: tensor "${norm}" is I32, expected F32, F16 or BF16. Save the checkpoint in one of them.`,
    ],
    [
      'that are cut off',
      folder => truncateSync(join(folder, 'model.safetensors'), 300_000),
      /^model\.safetensors: tensor ".*" ends at byte \d+ of the data, but the file holds \d+; the file is damaged, download it again\.$/,
    ],
    [
      'cut off inside the header',
      folder => truncateSync(join(folder, 'model.safetensors'), 1000),
      /^model\.safetensors: states a header of \d+ bytes, but ends after 1000; the file is damaged, download it again\.$/,
    ],
    [
      'of no bytes',
      write('model.safetensors', ''),
      `model.safetensors: has 0 bytes, fewer than a header's length takes; ${damaged}`,
    ],
    [
      'that state a header of 2^60 bytes',
      folder => {
        const path = join(folder, 'model.safetensors')
        const bytes = readFileSync(path)
        bytes.writeBigUInt64LE(2n ** 60n)
        writeFileSync(path, bytes)
      },
      "model.safetensors: states a header of 1152921504606846976 bytes, more than the format's 100000000; it is damaged or no safetensors file, download it again.",
    ],
    [
      'with a tensor past the end',
      setHeader(header => {
        entry(header, norm).data_offsets = [2 ** 50, 2 ** 50 + 192]
      }),
      new RegExp(
        `^model\\.safetensors: tensor "${norm}" ends at byte 1125899906842816 of the data, but the file holds`,
      ),
    ],
    [
      'with tensors that overlap',
      setHeader(header => {
        entry(header, norm).data_offsets = [0, 192]
      }),
      /^model\.safetensors: tensor ".*" overlaps tensor ".*", it begins at byte \d+ and not at \d+; the file is damaged/,
    ],
    [
      'with a shape whose size no number holds',
      setHeader(header => {
        entry(header, norm).shape = [2 ** 40, 2 ** 40]
      }),
      /^model\.safetensors: tensor ".*norm\.weight" has 192 bytes, but F32 \[1099511627776,1099511627776\] takes 4\.8/,
    ],
    [
      'in a shard outside the folder',
      folder => {
        remove('model.safetensors')(folder)
        const index = { weight_map: { [norm]: '../../model.safetensors' } }
        write('model.safetensors.index.json', JSON.stringify(index))(folder)
      },
      `model.safetensors.index.json: puts tensor "${norm}" into "../../model.safetensors", which is not the name of a file beside it; do not trust this checkpoint.`,
    ],
    [
      'that are missing',
      remove('model.safetensors'),
      'FOLDER: has neither model.safetensors nor model.safetensors.index.json; download the weights as well.',
    ],
  ])('%s are refused', async (_, change, message) => {
    expect(await refusal(altered(change))).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    )
  })

  it('that must be converted are refused before that is begun', async () => {
    const folder = altered(
      setHeader(header => entry(header, head).shape.reverse()),
      'half',
    )
    expect(await refusal(folder)).toMatch(
      /^model\.safetensors: tensor "language_model\.lm_head\.weight" has shape/,
    )
  })
})

describe('a config', () => {
  const supported = '. Is it damaged, or of a model that is not supported?'
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
    expect(await refusal(altered(setJson('config.json', fields)))).toBe(`config.json: ${message}${supported}`)
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
    expect(await refusal(altered(setJson('config.json', fields)))).toBe(message)
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

describe('the other files', () => {
  test.each<[what: string, change: Change, message: string | RegExp]>([
    [
      'a folder without config.json',
      remove('config.json'),
      'FOLDER: has no config.json, so it is not a checkpoint; give a folder written by save_pretrained.',
    ],
    [
      'a missing tokenizer',
      remove('tokenizer.json'),
      "FOLDER: has no tokenizer.json; copy it from the model's repository.",
    ],
    [
      'a broken tokenizer',
      write('tokenizer.json', '{"model":'),
      'tokenizer.json: is not JSON: Unexpected end of JSON input; download the file again.',
    ],
    [
      'an empty tokenizer',
      write('tokenizer.json', '{}'),
      /^tokenizer\.json: not a tokenizer that can be read\. Download it again/,
    ],
    [
      'a tokenizer that is null',
      write('tokenizer.json', 'null'),
      /^tokenizer\.json: not a tokenizer that can be read\. Download it again/,
    ],
    [
      'a tokenizer without a vocabulary',
      setJson('tokenizer.json', { model: { vocab: undefined } }),
      /^tokenizer\.json: not a tokenizer that can be read\. Download it again/,
    ],
    [
      'a tokenizer with an unknown part',
      setJson('tokenizer.json', { normalizer: { type: 'Nope' } }),
      /^tokenizer\.json: not a tokenizer that can be read\. Download it again/,
    ],
    [
      'a tokenizer config that is a list',
      write('tokenizer_config.json', '[]'),
      'tokenizer_config.json: is not a JSON object; download the file again.',
    ],
    [
      'a missing processor',
      remove('processor_config.json'),
      "FOLDER: has no preprocessor_config.json; copy it from the model's repository.",
    ],
    [
      'a processor without an image processor',
      write('processor_config.json', '{"patch_size": 7}'),
      "FOLDER: has no preprocessor_config.json; copy it from the model's repository.",
    ],
    [
      'a stop token that is text',
      write('generation_config.json', '{"eos_token_id": "</s>"}'),
      'generation_config.json: "eos_token_id": expected token ids, found ["</s>"]. Download the file again.',
    ],
  ])('with %s are refused', async (_, change, message) => {
    expect(await refusal(altered(change))).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    )
  })

  it('are of one checkpoint: tokens beyond the table of embeddings are refused', async () => {
    const tokenizer = JSON.parse(
      readFileSync(
        join(
          altered(() => {}),
          'tokenizer.json',
        ),
        'utf8',
      ),
    )
    const vocab = Object.entries(tokenizer.model.vocab as Record<string, number>)
    for (const [shift, token] of [
      [5000, /^token 5\d+ is/],
      [-1.5, /^token -?\d+\.5 is/],
    ] as const) {
      const shifted = Object.fromEntries(vocab.map(([word, id]) => [word, id + shift]))
      const folder = altered(setJson('tokenizer.json', { model: { vocab: shifted } }))
      await using vicrop = await ViCrop.open(folder)
      using picture = await vicrop.see(picturePath('wide'))
      await expect(picture.ask('What?')).rejects.toThrow(token)
    }
  })
})

describe('a chat template', () => {
  test.each([
    ['that is broken', '{% for x in %}\n{{', /^chat template: .+ Use the plain prompt instead\.$/],
    [
      'that refuses',
      "{{ raise_exception('no\\nsuch role') }}",
      /^chat template: no.+ Use the plain prompt instead\.$/,
    ],
    [
      'without a place for the picture',
      '{{ messages[0].role }}',
      /^prompt: 0 places for 1 pictures\. .*check the chat template\.$/,
    ],
  ])('%s is refused, and the plain prompt works', async (_, template, message) => {
    const folder = altered(write('chat_template.jinja', template))
    await using vicrop = await ViCrop.open(folder, { prompt: 'chat' })
    using picture = await vicrop.see(picturePath('wide'))
    const error = await picture.ask('What?').catch((error: Error) => error)
    expect(error).toBeInstanceOf(Error)
    expect((error as Error).message).toMatch(message)
    await using plain = await ViCrop.open(folder)
    using same = await plain.see(picturePath('wide'))
    expect(await same.ask('What?', { maxNewTokens: 1, method: 'none' })).toHaveProperty('answer')
  })

  it('that is missing is said to be', async () => {
    await using vicrop = await ViCrop.open(altered(remove('chat_template.jinja')), { prompt: 'chat' })
    using picture = await vicrop.see(picturePath('wide'))
    await expect(picture.ask('What?')).rejects.toThrow(
      'this checkpoint has no chat template. Use the plain prompt instead.',
    )
  })
})
