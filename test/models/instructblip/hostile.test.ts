import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, test } from 'vitest'
import { ViCrop } from '../../../src/vicrop.ts'
import {
  alteredFrom,
  type Change,
  config,
  remove,
  setJson,
  without,
  withReversedShape,
  write,
} from '../altered.ts'
import { picturePath } from '../fixtures.ts'
import { refusal, testRefusals, unsupported } from '../refusal.ts'
import { type CaseName, modelPath } from './fixtures.ts'

const altered = (change: Change, name: CaseName = 'placeholders'): string =>
  alteredFrom(modelPath(name), change)

const another = 'Is config.json of another checkpoint?'

describe('weights', () => {
  testRefusals(modelPath('placeholders'), 'without %s are refused', [
    [
      'a norm of the vision encoder',
      without('vision_model.post_layernorm.weight'),
      /"vision_model\.post_layernorm\.weight" not found/,
    ],
    [
      'the biases of its queries and values',
      without('vision_model.encoder.layers.1.self_attn.qkv.bias'),
      /layers\.1\.self_attn\.qkv\.bias" not found/,
    ],
    [
      'the biases of its patches',
      without('vision_model.embeddings.patch_embedding.bias'),
      /patch_embedding\.bias" not found/,
    ],
    [
      'a cross-attention',
      without('qformer.encoder.layer.2.crossattention.attention.key.weight'),
      /layer\.2\.crossattention\.attention\.key\.weight" not found/,
    ],
    [
      'the feed-forward layer of the query tokens',
      without('qformer.encoder.layer.3.intermediate_query.dense.weight'),
      /intermediate_query\.dense\.weight" not found/,
    ],
    ['the query tokens', without('query_tokens'), /tensor "query_tokens" not found/],
    ['the projection', without('language_projection.weight'), /"language_projection\.weight" not found/],
    [
      'a norm of the language model',
      without('language_model.model.norm.weight'),
      /"language_model\.model\.norm\.weight" not found/,
    ],
  ])

  it.each([
    ['vision_model.encoder.layers.0.self_attn.qkv.weight', '[32,96]', '[96,32]'],
    ['qformer.encoder.layer.0.crossattention.attention.key.weight', '[32,24]', '[24,32]'],
  ])('with %s of another shape are refused', async (name, found, asked) => {
    expect(await refusal(altered(withReversedShape(name)))).toBe(
      `model.safetensors: tensor "${name}" has shape ${found}, the config asks for ${asked}. ${another}`,
    )
  })

  it('of which a shard is missing or cut off are refused', async () => {
    const shard = 'model-00002-of-00003.safetensors'
    expect(await refusal(altered(remove(shard), 'sharded'))).toBe(
      `model.safetensors.index.json: the shard "${shard}" is not in FOLDER; download it as well.`,
    )
    const cut: Change = folder => truncateSync(join(folder, shard), 20_000)
    expect(await refusal(altered(cut, 'sharded'))).toMatch(
      new RegExp(`^${shard}: tensor ".*" ends at byte .* the file is damaged, download it again\\.$`),
    )
  })
})

describe('a config', () => {
  test.each<[what: string, fields: Record<string, unknown>, message: string]>([
    [
      'of FlanT5',
      { text_config: { model_type: 't5' } },
      '"text_config.model_type": expected "llama", as InstructBLIP with Vicuna has (instructblip-vicuna-7b and -13b), found "t5"',
    ],
    ['without a language model', { text_config: null }, '"text_config": expected an object, found null'],
    [
      'of another vision encoder',
      { vision_config: { model_type: 'clip_vision_model' } },
      '"vision_config.model_type": expected "instructblip_vision_model", found "clip_vision_model"',
    ],
    [
      'of a million query tokens',
      { num_query_tokens: 1_000_000 },
      '"num_query_tokens": expected at most 4096, found 1000000',
    ],
    ['of no query tokens', { num_query_tokens: 0 }, '"num_query_tokens": expected at least 1, found 0'],
    [
      'that attends every zeroth layer',
      { qformer_config: { cross_attention_frequency: 0 } },
      '"qformer_config.cross_attention_frequency": expected at least 1, found 0',
    ],
    [
      'of a billion layers',
      { qformer_config: { num_hidden_layers: 1e9 } },
      '"qformer_config.num_hidden_layers": expected at most 1024, found 1000000000',
    ],
    [
      'of heads that do not divide',
      { qformer_config: { num_attention_heads: 5 } },
      '"qformer_config.hidden_size": not a multiple of num_attention_heads',
    ],
    [
      'of relative positions',
      { qformer_config: { position_embedding_type: 'relative_key' } },
      '"qformer_config.position_embedding_type": expected "absolute", found "relative_key"',
    ],
    [
      'of patches larger than the picture',
      { vision_config: { patch_size: 64 } },
      '"vision_config.patch_size": larger than image_size',
    ],
    [
      'of an activation that is none',
      { vision_config: { hidden_act: 'snake' } },
      '"vision_config.hidden_act": expected "gelu" or "gelu_new" or "gelu_pytorch_tanh" or "quick_gelu" or "relu" or "silu" or "swish" or "tanh", found "snake"',
    ],
  ])('%s is refused', async (_, fields, message) => {
    expect(await refusal(altered(config(fields)))).toBe(`config.json: ${message}. ${unsupported}`)
  })

  it('of more query tokens, another width of features or another image size than the weights are for is refused', async () => {
    const asks = async (fields: Record<string, unknown>): Promise<string> => refusal(altered(config(fields)))
    expect(await asks({ num_query_tokens: 7 })).toMatch(
      /"query_tokens" has shape \[1,6,24\], the config asks for \[1,7,24\]/,
    )
    expect(await asks({ vision_config: { hidden_size: 36 } })).toMatch(/the config asks for \[1,1,36\]/)
    expect(await asks({ vision_config: { image_size: 49 } })).toMatch(
      /makes pictures of 42x42, but config\.json: vision_config\.image_size is 49/,
    )
  })
})

describe('files around the weights', () => {
  const tokenizer = 'qformer_tokenizer/tokenizer.json'

  testRefusals(modelPath('placeholders'), '%s are refused', [
    [
      'without the Q-Former’s tokenizer',
      remove(tokenizer),
      `FOLDER: has no ${tokenizer}; copy it from the model's repository.`,
    ],
    [
      'whose Q-Former’s tokenizer is none',
      write(tokenizer, '{}'),
      `${tokenizer}: not a tokenizer that can be read. Download it again, or save it with save_pretrained.`,
    ],
    [
      'whose Q-Former’s tokenizer is no JSON',
      write(tokenizer, '{'),
      /^qformer_tokenizer\/tokenizer\.json: is not JSON: /,
    ],
    [
      'with LLaVA’s image processor',
      setJson('processor_config.json', { image_processor: { image_processor_type: 'CLIPImageProcessor' } }),
      `processor_config.json, image_processor: "image_processor_type": expected BlipImageProcessor, as InstructBLIP checkpoints have, found "CLIPImageProcessor". ${unsupported}`,
    ],
    [
      'with a processor that leaves a side open',
      setJson('processor_config.json', { image_processor: { size: null } }),
      'processor: makes pictures of 384x384, but config.json: vision_config.image_size is 42. Do the two files belong together?',
    ],
  ])

  it('are of one checkpoint: instruction tokens beyond the Q-Former’s vocabulary are refused', async () => {
    const shifted = (folder: string): void => setJson(tokenizer, { model: { vocab: { what: 5000 } } })(folder)
    await using vicrop = await ViCrop.open(altered(shifted))
    using picture = await vicrop.see(picturePath('wide'))
    await expect(picture.ask('What?')).rejects.toThrow(
      'instruction: token 5000 is outside the vocabulary of 136. Do qformer_tokenizer/tokenizer.json and config.json belong together?',
    )
  })
})

describe('a question', () => {
  it('longer than the Q-Former’s positions is refused, and the next is answered', async () => {
    await using vicrop = await ViCrop.open(modelPath('placeholders'))
    using picture = await vicrop.see(picturePath('wide'))
    await expect(picture.ask('what is the sign '.repeat(20))).rejects.toThrow(
      /^instruction: \d+ tokens, the connector has room for 64\. Ask a shorter question\.$/,
    )
    expect(await picture.ask('what is the sign', { maxNewTokens: 1 })).toHaveProperty('answer')
  })

  it('with the image token is refused where there is one, and is text where there is none', async () => {
    await using vicrop = await ViCrop.open(modelPath('placeholders'))
    using picture = await vicrop.see(picturePath('wide'))
    await expect(picture.ask('what is <image>')).rejects.toThrow(
      /^prompt: 2 places for 1 pictures\. Leave the image/,
    )
    await using older = await ViCrop.open(modelPath('published'))
    using same = await older.see(picturePath('wide'))
    expect(await same.ask('what is <image>', { maxNewTokens: 1 })).toHaveProperty('answer')
  })

  it('in the checkpoint’s chat format is refused: there is none', async () => {
    await using vicrop = await ViCrop.open(modelPath('placeholders'), { prompt: 'chat' })
    using picture = await vicrop.see(picturePath('wide'))
    await expect(picture.ask('what?')).rejects.toThrow('this checkpoint has no chat template.')
  })

  test.each([
    [[2], 'layer 2: the connector has layers 0 to 1. Name some of these.'],
    [[], 'no layers given: name at least one of 0 to 1'],
  ])('with connector layers %j is refused', async (connectorLayers, message) => {
    await using vicrop = await ViCrop.open(modelPath('placeholders'))
    using picture = await vicrop.see(picturePath('wide'))
    await expect(picture.look('what?', { connectorLayers })).rejects.toThrow(message)
    await expect(picture.look('what?', { method: 'pure-grad', connectorLayers: [0] })).rejects.toThrow(
      'method pure-grad reads no layers; with: rel-att, grad-att. Leave the connectorLayers out.',
    )
  })

  it('with connector layers is refused by a model whose connector has none', async () => {
    await using vicrop = await ViCrop.open()
    using picture = await vicrop.see(picturePath('wide'))
    await expect(picture.look('what?', { connectorLayers: [0] })).rejects.toThrow(
      'connectorLayers: this model has no connector that attends to the picture. Leave them out.',
    )
  })
})
