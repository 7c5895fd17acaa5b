import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { picturePath } from '../models/fixtures.ts'
import { cases, modelPath, readExpected } from '../models/instructblip/fixtures.ts'
import { folderOfFile, vicrop } from './vicrop.ts'

const folder = folderOfFile()
const picture = picturePath('wide')

describe.each(cases)('vicrop ask on InstructBLIP checkpoint %s', name => {
  const { questions } = readExpected(name).pictures.wide
  const answers = questions[0]!
  const asked = ['ask', picture, answers.question, '--model', modelPath(name)]

  it.concurrent.each([
    ['rel-att', answers.crops.mean],
    ['grad-att', answers.gradientCrops.mean],
    ['pure-grad', answers.pureGradientCrops.paper],
  ])('with %s gives the reference’s plain answer and crop, and saves the map', async (method, crop) => {
    const map = join(folder, `${name}-${method}.png`)
    const layers = method === 'pure-grad' ? [] : ['--layers', 'all', '--connector-layers', 'all']
    const { status, stdout, stderr } = await vicrop([
      ...asked,
      '--method',
      method,
      ...layers,
      '--json',
      '--save-map',
      map,
    ])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ plainAnswer: answers.plain.text.trim(), crop: crop.box })
    expect(await sharp(map).metadata()).toMatchObject({ format: 'png', width: 6 * 163, height: 6 * 122 })
  })

  it.concurrent('says which layers it read, and does without a map', async () => {
    const { stdout } = await vicrop(asked)
    expect(stdout).toMatch(/^crop .* \(rel-att, layer \d, connector layer \d\)$/m)
    const { status } = await vicrop([...asked, '--method', 'none'])
    expect(status).toBe(0)
  })
})

it('connector layers are given as numbers and ranges', async () => {
  const { status, stderr } = await vicrop([
    ...['ask', picture, 'What?', '--model', modelPath('published')],
    ...['--connector-layers', 'some.json'],
  ])
  expect(status).not.toBe(0)
  expect(stderr).toContain('"some.json" names no layers. Give numbers and ranges such as 12,14-16, or all.')
})
