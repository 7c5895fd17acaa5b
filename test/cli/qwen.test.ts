import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { decodeImage } from '../../src/image/decode-node.ts'
import { cropImage } from '../../src/image/image.ts'
import {
  type ExpectedPicture,
  type ExpectedQuestion,
  modelPath,
  picturePath,
  readExpected,
} from '../models/qwen/fixtures.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { vicrop } from './vicrop.ts'

describe.each(['wide', 'tall', 'strip'])(
  'vicrop ask with a Qwen2.5-VL checkpoint, on the %s picture',
  key => {
    const picture = picturePath(key)
    const { questions } = readExpected('base').pictures[key] as ExpectedPicture
    const expected = questions[0] as ExpectedQuestion
    const base = ['ask', picture, expected.question, '--model', modelPath('base')]

    it.each([
      ['rel-att', ['--layers', 'all'], expected.crops.mean],
      ['grad-att', ['--layers', 'all'], expected.gradientCrops.mean],
      ['pure-grad', [], expected.pureGradientCrops.paper],
      ['pure-grad', ['--variant', 'code'], expected.pureGradientCrops.code],
    ] as const)(
      'finds the crop of the reference by %s %j, and saves map and crop',
      async (method, options, { box }) => {
        const folder = temporaryFolder()
        const [map, crop] = [join(folder, 'map.png'), join(folder, 'crop.png')]
        const files = ['--save-map', map, '--save-crop', crop]
        const { status, stdout, stderr } = await vicrop([
          ...base,
          '--method',
          method,
          ...options,
          ...files,
          '--json',
        ])
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
        const object = JSON.parse(stdout)
        expect(object).toMatchObject({ method, crop: box, plainAnswer: expected.plain.text.trim() })
        if (method === 'rel-att') expect(object.answer).toBe(expected.withCrop.text.trim())
        expect(existsSync(map)).toBe(true)
        expect(await decodeImage(crop)).toEqual(
          cropImage(await decodeImage(picture), box as NonNullable<typeof box>),
        )
      },
    )

    it('says what is wrong with an option that the model has no use for', async () => {
      const { status, stdout, stderr } = await vicrop([...base, '--fit', 'pad'])
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
      expect(stderr).toContain(
        'fit pad: this model takes pictures in their own proportions. Leave the fit out.',
      )
    })
  },
)
