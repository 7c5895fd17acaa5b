import { expect, it, test } from 'vitest'
import { parseConfig } from '../../../src/models/config.ts'
import { instructBlipConfig } from '../../../src/models/instructblip/config.ts'
import { parseProcessor } from '../../../src/models/instructblip/processor.ts'
import { ViCrop } from '../../../src/vicrop.ts'
import { alteredFrom, remove, setJson, write } from '../altered.ts'
import { picturePath } from '../fixtures.ts'
import { modelPath, readExpected } from './fixtures.ts'

const parse = (fields: object) =>
  parseConfig(instructBlipConfig, { model_type: 'instructblip', ...fields }, 'config.json')

it('what a config leaves out is what InstructBLIP with Vicuna-7B has', () => {
  expect(parse({ text_config: { model_type: 'llama' } })).toMatchObject({
    num_query_tokens: 32,
    vision_config: { hidden_size: 1408, num_hidden_layers: 39, num_attention_heads: 16, patch_size: 14 },
    qformer_config: { hidden_size: 768, num_hidden_layers: 12, cross_attention_frequency: 2 },
    text_config: { hidden_size: 4096, num_hidden_layers: 32 },
  })
})

it('pictures are stretched to the size that the processor gives, as one number or two', () => {
  const stretched = { padding: null, size: { width: 224, height: 224 }, input: { width: 224, height: 224 } }
  const settings = { image_processor_type: 'BlipImageProcessor' }
  expect(parseProcessor({ ...settings, size: { height: 224, width: 224 } })).toMatchObject(stretched)
  expect(parseProcessor({ ...settings, size: 224 })).toMatchObject(stretched)
  expect(parseProcessor(settings).input).toEqual({ width: 384, height: 384 })
  const cropped = parseProcessor({ ...settings, size: 224 }, 'crop')
  expect(cropped).toMatchObject({ size: { shortestEdge: 224 }, input: { width: 224, height: 224 } })
})

it('the layers read are the paper’s 15 of 32 and 2 of 6, at the same share of other depths', async () => {
  await using vicrop = await ViCrop.open(modelPath('placeholders'))
  expect(vicrop.layers).toEqual([1])
  expect({ layers: vicrop.layerCount, ofConnector: vicrop.connectorLayerCount }).toEqual({
    layers: 3,
    ofConnector: 2,
  })
})

const { question, plain } = readExpected('placeholders').pictures.tall.questions[0]!

test.each<[what: string, change: (folder: string) => void]>([
  ['as it is', () => {}],
  ['without an image token, as older checkpoints', setJson('config.json', { image_token_index: undefined })],
  ['without the settings of the Q-Former’s tokenizer', remove('qformer_tokenizer/tokenizer_config.json')],
  [
    'with the image processor in a file of its own',
    folder => {
      remove('processor_config.json')(folder)
      const own = { image_processor_type: 'BlipImageProcessor', size: { height: 42, width: 42 } }
      write('preprocessor_config.json', JSON.stringify(own))(folder)
    },
  ],
])('a checkpoint answers as the reference %s', async (_, change) => {
  await using vicrop = await ViCrop.open(alteredFrom(modelPath('placeholders'), change))
  using picture = await vicrop.see(picturePath('tall'))
  const { plainAnswer } = await picture.ask(question, { method: 'none' })
  expect(plainAnswer).toBe(plain.text.trim())
})
