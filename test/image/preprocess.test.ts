import { describe, expect, test } from 'vitest'
import { type Fit, preprocess } from '../../src/image/preprocess.ts'
import { parseProcessor } from '../../src/models/llava/processor.ts'
import { fixtureBytes, fixtureJson, numbered, picture } from './fixtures.ts'

const { configs, cases } = fixtureJson('preprocess.json')

interface Case {
  readonly config: string
  readonly picture: string
  readonly shape: [number, number, number]
  readonly pixel_values: string
}

test.each<Case>(cases)(
  'pixel values of $picture by $config equal the reference bit for bit',
  async ({ config, picture: name, shape, pixel_values }) => {
    const spec = parseProcessor(configs[config])
    const { pixelValues } = preprocess(await picture(name), spec)
    expect([3, spec.input.height, spec.input.width]).toEqual(shape)
    expect(pixelValues).toEqual(new Float32Array(fixtureBytes(pixel_values).buffer))
  },
)

describe('the view is the part of the source plane that fills the input', () => {
  const declared = { size: { shortest_edge: 14 }, crop_size: 14 }
  const viewOf = (width: number, height: number, fit: Fit) =>
    preprocess(numbered(width, height), parseProcessor(declared, fit)).view

  test('cropped: the central square', () => {
    expect(viewOf(40, 20, 'crop')).toEqual({ x: 10, y: 0, width: 20, height: 20 })
    expect(viewOf(20, 60, 'crop')).toEqual({ x: 0, y: 20, width: 20, height: 20 })
  })

  test('padded: the square around the picture', () => {
    expect(viewOf(40, 20, 'pad')).toEqual({ x: 0, y: -10, width: 40, height: 40 })
    expect(viewOf(21, 60, 'pad')).toEqual({ x: -19, y: 0, width: 60, height: 60 })
  })

  test('stretched: the picture', () => {
    expect(viewOf(40, 20, 'stretch')).toEqual({ x: 0, y: 0, width: 40, height: 20 })
  })

  test('a crop larger than the resized picture: more than the picture', () => {
    const spec = parseProcessor({ size: 10, crop_size: 20 })
    expect(preprocess(numbered(20, 20), spec).view).toEqual({ x: -10, y: -10, width: 40, height: 40 })
  })
})
