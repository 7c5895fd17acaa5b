import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { ViCrop } from '../../../src/vicrop.ts'
import { altered, remove, setJson, setTensor, without, withReversedShape, write } from '../altered.ts'
import { modelPath, picturePath } from '../fixtures.ts'
import { refusal, testRefusals } from '../refusal.ts'

const norm = 'language_model.model.norm.weight'
const head = 'language_model.lm_head.weight'

const damaged = 'the file is damaged, download it again.'

describe('weights', () => {
  testRefusals(modelPath('base'), '%s are refused', [
    [
      'without a tensor of the language model',
      without(norm),
      /^model\.safetensors: tensor "language_model\.model\.norm\.weight" not found\. Nearest: ".*norm\.weight"\.$/,
    ],
    [
      'without a tensor of the vision encoder',
      without('vision_tower.encoder.layers.0.mlp.fc1.weight'),
      /^model\.safetensors: tensor "vision_tower\.encoder\.layers\.0\.mlp\.fc1\.weight" not found\. Nearest: "/,
    ],
    [
      'with a tensor of another shape',
      withReversedShape(head),
      `model.safetensors: tensor "${head}" has shape [48,416], the config asks for [416,48]. Is config.json of another checkpoint?`,
    ],
    [
      'with a tensor of another type',
      setTensor(norm, { dtype: 'I32' }),
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
      setTensor(norm, { data_offsets: [2 ** 50, 2 ** 50 + 192] }),
      new RegExp(
        `^model\\.safetensors: tensor "${norm}" ends at byte 1125899906842816 of the data, but the file holds`,
      ),
    ],
    [
      'with tensors that overlap',
      setTensor(norm, { data_offsets: [0, 192] }),
      /^model\.safetensors: tensor ".*" overlaps tensor ".*", it begins at byte \d+ and not at \d+; the file is damaged/,
    ],
    [
      'with a shape whose size no number holds',
      setTensor(norm, { shape: [2 ** 40, 2 ** 40] }),
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
  ])

  it('that must be converted are refused before that is begun', async () => {
    expect(await refusal(altered(withReversedShape(head), 'half'))).toMatch(
      /^model\.safetensors: tensor "language_model\.lm_head\.weight" has shape/,
    )
  })
})

describe('the other files', () => {
  testRefusals(modelPath('base'), 'with %s are refused', [
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
  ])

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
