import { describe, expect, it } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import { attentionRatio, attentionRatios, chooseLayers, ViCrop } from '../../src/index.ts'
import { Picture } from '../../src/picture.ts'
import { picturePath, readExpected } from '../models/fixtures.ts'
import { modelPath as instructBlipPath } from '../models/instructblip/fixtures.ts'
import { useModel } from '../models/open.ts'

describe('choosing layers', () => {
  it('takes those with the highest mean ratio, the highest first', () => {
    const measured = [
      [1, 5, 2],
      [1, 1, 6],
    ]
    expect(chooseLayers(measured, 2)).toEqual({ layers: [2, 1], ratios: [1, 3, 4], questions: 2 })
  })

  it('takes the layer of the connector with which those it takes look best', () => {
    // By layer with either of two: 1 and 2, 4 and 3, 2 and 6.
    const measured = [[1, 2, 4, 3, 2, 6]]
    expect(chooseLayers(measured, 1, 2)).toEqual({
      layers: [2],
      connectorLayers: [1],
      ratios: [2, 3, 6],
      questions: 1,
    })
    expect(chooseLayers([[1, 2, 4, 3, 7, 6]], 2, 2)).toMatchObject({ layers: [2, 1], connectorLayers: [0] })
  })

  it('leaves questions out whose thing no layer was shown', () => {
    expect(
      chooseLayers(
        [
          [Number.NaN, Number.NaN],
          [3, 1],
        ],
        1,
      ),
    ).toEqual({
      layers: [0],
      ratios: [3, 1],
      questions: 1,
    })
  })

  it('refuses more layers than there are, and to choose from nothing', () => {
    expect(() => chooseLayers([[1, 2]], 3)).toThrow('3 layers asked for: the model has 2')
    expect(() => chooseLayers([[Number.NaN]], 1)).toThrow('no question had a thing that the model is shown')
  })
})

it('the attention ratios of a question are those of each pair, where a connector attends to the picture', async () => {
  await using vicrop = await ViCrop.open(instructBlipPath('placeholders'))
  using picture = await vicrop.see(picturePath('wide'))
  const [question, box] = ['What is on the sign?', { x: 20, y: 10, width: 12, height: 9 }]
  const ratios = await attentionRatios(picture, { question, box })
  expect(ratios).toHaveLength(vicrop.layerCount * vicrop.connectorLayerCount)
  for (const [i, ratio] of ratios.entries()) {
    const [layer, k] = [Math.floor(i / vicrop.connectorLayerCount), i % vicrop.connectorLayerCount]
    const { importance } = await picture.look(question, { layers: [layer], connectorLayers: [k] })
    expect(ratio).toBeCloseTo(attentionRatio(importance!, box), 4)
  }
})

describe('the attention ratios of a question', () => {
  const model = useModel('base')

  it('are those of each layer’s rel-att map', async () => {
    const picture = await Picture.see(model(), await decodeImage(picturePath('wide')))
    const { question } = readExpected('base').pictures.wide.questions[0]!
    const box = { x: 20, y: 10, width: 12, height: 9 }
    const ratios = await attentionRatios(picture, { question, box })
    expect(ratios).toHaveLength(model().model.language.layers)
    for (const [layer, ratio] of ratios.entries()) {
      const { importance } = await picture.look(question, { layers: [layer] })
      expect(ratio).toBeCloseTo(attentionRatio(importance!, box), 4)
    }
  })
})
