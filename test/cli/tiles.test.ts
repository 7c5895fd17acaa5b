import { expect, test } from 'vitest'
import { cases, modelPath, picturePath, readExpected } from '../models/tiles/fixtures.ts'
import { vicrop } from './vicrop.ts'

test.each(cases)('vicrop ask answers with a model that sees tiles, as the reference does: %s', async name => {
  const { questions } = readExpected(name).pictures.wide!
  const [{ question, crops, plain, withCrop }] = questions as [(typeof questions)[number]]
  const layers = crops.layers.map((_, layer) => layer).join()
  const options = ['--model', modelPath(name), '--layers', layers, '--json']
  const { status, stdout, stderr } = await vicrop(['ask', picturePath('wide'), question, ...options])
  expect({ status, stderr: stderr.replaceAll(/^converting.*\n/gm, '') }).toEqual({ status: 0, stderr: '' })
  expect(JSON.parse(stdout)).toMatchObject({
    crop: crops.mean.box,
    plainAnswer: plain.text.trim(),
    answer: withCrop.text.trim(),
  })
})

test('vicrop look finds the reference’s crops with gradients in tiles', async () => {
  const { questions } = readExpected('llava_next/base').pictures.wide!
  const [{ question, pureGradientCrops }] = questions as [(typeof questions)[number]]
  const options = ['--model', modelPath('llava_next/base'), '--method', 'pure-grad', '--json']
  const { stdout } = await vicrop(['look', picturePath('wide'), question, ...options])
  expect(JSON.parse(stdout)).toMatchObject({ method: 'pure-grad', crop: pureGradientCrops.paper.box })
})
