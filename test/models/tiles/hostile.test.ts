import { describe, expect, it } from 'vitest'
import { ViCrop } from '../../../src/vicrop.ts'
import { temporaryFolder } from '../../weights/temporary.ts'
import { alteredFrom, type Change, config, setJson, setTensor, without } from '../altered.ts'
import { refusal, testRefusals, unsupported } from '../refusal.ts'
import { modelPath, picturePath } from './fixtures.ts'

const processor = (fields: Record<string, unknown>): Change =>
  setJson('processor_config.json', { image_processor: fields })
const together = 'Do the two files belong together?'
const published = [
  [28, 56],
  [56, 28],
  [56, 56],
  [84, 28],
  [28, 84],
]
const file = 'processor_config.json, image_processor'

describe('a LLaVA-NeXT checkpoint is refused', () => {
  testRefusals(modelPath('llava_next/base'), '%s', [
    [
      'with the class token among its features, which the reference cannot tile',
      config({ vision_feature_select_strategy: 'full' }),
      `config.json: "vision_feature_select_strategy": expected "default", found "full". ${unsupported}`,
    ],
    [
      'without a grid',
      config({ image_grid_pinpoints: [] }),
      `config.json: "image_grid_pinpoints": expected at least 1, found []. ${unsupported}`,
    ],
    [
      'with thousands of grids',
      config({ image_grid_pinpoints: Array(5000).fill([28, 28]) }),
      `config.json: "image_grid_pinpoints": expected at most 256, found [${'[28,28],'.repeat(9)}[28,28]…. ${unsupported}`,
    ],
    [
      'with a grid larger than any memory',
      config({ image_grid_pinpoints: [[1 << 20, 1 << 20]] }),
      `config.json: "image_grid_pinpoints.0": more than 16777216 pixels. ${unsupported}`,
    ],
    [
      'with a grid of no pixels',
      config({ image_grid_pinpoints: [[28, 0]] }),
      `config.json: "image_grid_pinpoints.0.1": expected at least 1, found 0. ${unsupported}`,
    ],
    [
      'with a grid that is text',
      config({ image_grid_pinpoints: '(1x1),...,(6x6)' }),
      `config.json: "image_grid_pinpoints": expected array, found "(1x1),...,(6x6)". ${unsupported}`,
    ],
    [
      'with a grid that tiles do not fill',
      config({ image_grid_pinpoints: [[28, 57]] }),
      'config.json: "image_grid_pinpoints": 57 pixels are no whole tiles of 28. Is it damaged?',
    ],
    [
      'with tiles that patches do not fill',
      config({ vision_config: { patch_size: 6 } }),
      'config.json: "vision_config.image_size": 28 pixels are no whole patches of 6. Is it damaged?',
    ],
    [
      'whose processor has other grids',
      processor({ image_grid_pinpoints: [[56, 56]] }),
      `${file}: "image_grid_pinpoints" are [[56,56]], those of config.json ${JSON.stringify(published)}. ${together}`,
    ],
    [
      'whose processor makes other tiles',
      processor({ crop_size: { height: 56, width: 28 } }),
      `${file}: makes tiles of 56 pixels, but config.json: vision_config.image_size is 28. ${together}`,
    ],
    [
      'with the image processor of another model',
      processor({ image_processor_type: 'LlavaImageProcessor' }),
      `${file}: "image_processor_type": expected LlavaNextImageProcessor, as LLaVA-NeXT checkpoints have, found "LlavaImageProcessor". ${unsupported}`,
    ],
    [
      'without the token that ends a row',
      without('image_newline'),
      'model.safetensors: tensor "model.image_newline" not found.',
    ],
    [
      'whose token that ends a row is of another width',
      setTensor('image_newline', { shape: [16, 2] }),
      'model.safetensors: tensor "image_newline" has shape [16,2], the config asks for [32]. Is config.json of another checkpoint?',
    ],
  ])

  it('with a fit, as it sees the whole of any picture', async () => {
    expect(await refusal(modelPath('llava_next/base'), { fit: 'pad' })).toBe(
      'fit "pad": a llava_next model always sees the whole picture. Leave the fit out.',
    )
  })
})

describe('an Idefics3 checkpoint is refused', () => {
  testRefusals(modelPath('idefics3/base'), '%s', [
    [
      'whose scale does not divide its patches',
      config({ scale_factor: 3 }),
      `config.json: "scale_factor": does not divide the patches along a side of a tile. ${unsupported}`,
    ],
    [
      'with no scale',
      config({ scale_factor: 0 }),
      `config.json: "scale_factor": expected at least 1, found 0. ${unsupported}`,
    ],
    [
      'with another vision encoder',
      config({ vision_config: { model_type: 'siglip_vision_model' } }),
      `config.json: "vision_config.model_type": expected "idefics3_vision" or "idefics3" or "smolvlm_vision" or "smolvlm", found "siglip_vision_model". ${unsupported}`,
    ],
    [
      'whose image token is no number',
      config({ image_token_id: '<image>' }),
      `config.json: "image_token_id": expected a number, found "<image>". ${unsupported}`,
    ],
    [
      'whose processor makes other tiles',
      processor({ max_image_size: { longest_edge: 364 } }),
      `${file}: makes tiles of 364 pixels, but config.json: vision_config.image_size is 28. ${together}`,
    ],
    [
      'whose pictures are longer than any',
      processor({ size: { longest_edge: 1e9 } }),
      `${file}: "size.longest_edge": expected at most 1048576, found 1000000000. ${unsupported}`,
    ],
    [
      'whose pictures are resized to nothing that is known',
      processor({ size: { shortest_edge: 84, longest_edge: undefined } }),
      `${file}: "size": expected {longest_edge} or {height, width} of 1 to 8192 pixels, found {"shortest_edge":84}. ${unsupported}`,
    ],
    [
      'with the image processor of another model',
      processor({ image_processor_type: 'Idefics2ImageProcessor' }),
      `${file}: "image_processor_type": expected Idefics3ImageProcessor or SmolVLMImageProcessor, as such checkpoints have, found "Idefics2ImageProcessor". ${unsupported}`,
    ],
    [
      'whose connector has another scale',
      setTensor('model.connector.modality_projection.proj.weight', { shape: [64, 48] }),
      'model.safetensors: tensor "model.connector.modality_projection.proj.weight" has shape [64,48], the config asks for [32,96]. Is config.json of another checkpoint?',
    ],
  ])

  it('with a fit, as it sees the whole of any picture', async () => {
    expect(await refusal(modelPath('smolvlm/base'), { fit: 'crop' })).toBe(
      'fit "crop": a smolvlm model always sees the whole picture. Leave the fit out.',
    )
  })

  it('with a question that names the image token', async () => {
    await using vicrop = await ViCrop.open(modelPath('idefics3/base'))
    using picture = await vicrop.see({ width: 30, height: 20, data: new Uint8Array(1800) })
    await expect(picture.ask('What is <image>?')).rejects.toThrow('prompt: 2 places for 1 pictures.')
  })
})

describe('a Mistral', () => {
  it('has room for its window', async () => {
    const folder = alteredFrom(
      modelPath('llava_next/mistral'),
      config({ text_config: { sliding_window: 75 } }),
    )
    await using vicrop = await ViCrop.open(folder, { cacheFolder: temporaryFolder() })
    const image = { width: 90, height: 60, data: new Uint8Array(90 * 60 * 3) }
    using picture = await vicrop.see(image)
    await expect(picture.ask('What?')).rejects.toThrow('the model has room for 75')
  })
})

it('a picture that takes more positions than the model has is refused before it is encoded', async () => {
  const folder = alteredFrom(
    modelPath('llava_next/base'),
    config({ text_config: { max_position_embeddings: 50 } }),
  )
  await using vicrop = await ViCrop.open(folder)
  const image = { width: 100, height: 100, data: new Uint8Array(100 * 100 * 3) }
  await expect(vicrop.see(image)).rejects.toThrow(
    'picture: takes 88 positions, the model has room for 50. Give a smaller picture.',
  )
})

it('a crop that there is no room for beside the picture is refused in its own words', async () => {
  const folder = alteredFrom(
    modelPath('llava_next/base'),
    config({ text_config: { max_position_embeddings: 165 } }),
  )
  await using vicrop = await ViCrop.open(folder)
  using picture = await vicrop.see(picturePath('wide'))
  const crop = { x: 10, y: 10, width: 40, height: 40 }
  await expect(picture.ask('What is this?', { crop })).rejects.toThrow(
    'crop: with it the prompt has 187 positions, the model has room for 165. Show a smaller picture, or ask with method none.',
  )
  expect(await picture.ask('What is this?', { method: 'none', maxNewTokens: 1 })).toHaveProperty('answer')
})
