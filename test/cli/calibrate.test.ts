import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { modelPath, picturePath, readExpected } from '../models/fixtures.ts'
import { modelPath as instructBlipPath } from '../models/instructblip/fixtures.ts'
import { folderOfFile, vicrop } from './vicrop.ts'

const folder = folderOfFile()
const model = modelPath('base')
const [first, second] = readExpected('base').pictures.wide.questions.map(({ question }) => question)
copyFileSync(picturePath('wide'), join(folder, 'wide.png'))
const box = { x: 20, y: 10, width: 12, height: 9 }
const questions = [
  { picture: 'wide.png', question: first, box },
  { picture: 'wide.png', question: second, box: null },
  { picture: 'wide.png', question: second, box },
]

function fileOf(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

const asArray = fileOf('array.json', JSON.stringify(questions))

describe('vicrop calibrate', () => {
  it('prints a line a layer and writes a file that --layers reads', async () => {
    const out = join(folder, 'layers.json')
    const { status, stdout, stderr } = await vicrop(['calibrate', asArray, '--model', model, '--out', out])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const { layers, layerCount, ratios, questions: counted } = JSON.parse(readFileSync(out, 'utf8'))
    expect(stdout.trimEnd().split('\n')).toHaveLength(layerCount + 2)
    expect({ counted, chosen: ratios[layers[0]] }).toEqual({ counted: 2, chosen: Math.max(...ratios) })
    expect(existsSync(`${out}.partial.jsonl`)).toBe(false)
    const look = await vicrop([
      'look',
      picturePath('wide'),
      first!,
      '--model',
      model,
      '--layers',
      out,
      '--json',
    ])
    expect(JSON.parse(look.stdout).layers).toEqual(layers)
  })

  it('chooses a layer of a Q-Former too, which the file and the line to use say', async () => {
    const out = join(folder, 'pairs.json')
    const blip = ['--model', instructBlipPath('placeholders')]
    const written = await vicrop(['calibrate', asArray, ...blip, '--out', out])
    expect(written).toMatchObject({ status: 0, stderr: '' })
    const { layers, connectorLayers } = JSON.parse(readFileSync(out, 'utf8'))
    expect(connectorLayers).toHaveLength(1)
    const look = ['look', picturePath('wide'), first!, ...blip, '--json', '--layers', out]
    expect(JSON.parse((await vicrop(look)).stdout)).toMatchObject({ layers, connectorLayers })
    const other = await vicrop([...look, '--connector-layers', 'all'])
    expect(JSON.parse(other.stdout)).toMatchObject({ layers, connectorLayers: [0, 1] })
    const printed = await vicrop(['calibrate', asArray, ...blip])
    expect(printed.stdout).toContain(`use: --layers ${layers} --connector-layers ${connectorLayers}`)
  })

  it('reads JSON Lines as well, and prints JSON', async () => {
    const lines = fileOf('lines.jsonl', questions.map(question => JSON.stringify(question)).join('\n'))
    const [a, b] = await Promise.all(
      [asArray, lines].map(file => vicrop(['calibrate', file, '--model', model, '--json', '--count', '2'])),
    )
    expect(JSON.parse(a!.stdout).layers).toHaveLength(2)
    expect(a!.stdout).toBe(b!.stdout)
  })

  it('goes on with what a killed run has measured, whatever its last line is', async () => {
    const out = join(folder, 'resumed.json')
    const key = JSON.stringify([model, { picture: join(folder, 'wide.png'), question: first, box }])
    const whole = JSON.parse((await vicrop(['calibrate', asArray, '--model', model, '--json'])).stdout)
    const kept = Array.from({ length: whole.layerCount }, (_, layer) => 1000 * layer)
    writeFileSync(`${out}.partial.jsonl`, `\n${JSON.stringify([key, kept])}\n["cut o`)
    await vicrop(['calibrate', asArray, '--model', model, '--out', out])
    const { layers, ratios } = JSON.parse(readFileSync(out, 'utf8'))
    expect(layers).toEqual([whole.layerCount - 1])
    expect(ratios.at(-1)).toBeGreaterThan(499 * (whole.layerCount - 1))
  })

  it.each([
    ['a missing file', 'nowhere.json', 'nowhere.json: cannot be read'],
    ['no JSON', fileOf('no.json', '{"picture"'), 'is neither a JSON array nor JSON Lines'],
    [
      'no box',
      fileOf('none.json', '[{"picture": "a.png", "question": "b", "box": null}]'),
      'no question has a box',
    ],
    [
      'a box without height',
      fileOf('flat.json', JSON.stringify([{ ...questions[0], box: { ...box, height: 0 } }])),
      'entry 1: "box.height"',
    ],
    ['too many layers', asArray, '--count 99: the model has', '--count', '99'],
  ])('refuses %s in one line', async (_, file, message, ...flags) => {
    const { status, stdout, stderr } = await vicrop(['calibrate', file, '--model', model, ...flags])
    expect({ failed: status !== 0, stdout, lines: stderr.split('\n').length }).toEqual({
      failed: true,
      stdout: '',
      lines: 2,
    })
    expect(stderr).toContain(message)
  })

  it.each([
    ['another model', JSON.stringify({ layers: [0], layerCount: 99 }), 'was made for a model of 99 layers'],
    ['something else', '{}', 'is not what "vicrop calibrate --out" writes'],
  ])('--layers refuses the file of %s', async (_, text, message) => {
    const file = fileOf('other.json', text)
    const { status, stderr } = await vicrop([
      'look',
      picturePath('wide'),
      first!,
      '--model',
      model,
      '--layers',
      file,
    ])
    expect(status).not.toBe(0)
    expect(stderr).toContain(message)
  })
})
