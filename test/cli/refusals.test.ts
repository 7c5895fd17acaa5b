import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import { describe, expect, it, test } from 'vitest'
import { altered, remove, setJson } from '../models/altered.ts'
import { modelPath, picturePath } from '../models/fixtures.ts'
import { supportedModels } from '../models/refusal.ts'
import { folderOfFile, vicrop } from './vicrop.ts'

const picture = picturePath('wide')
const model = modelPath('base')

const root = folderOfFile()

/** What the call says on standard error: one line, nothing else anywhere, and no file more than before. */
async function refusal(
  args: readonly string[],
  status: 1 | 2,
  make: (folder: string) => void = () => {},
): Promise<string> {
  const folder = mkdtempSync(join(root, 'call-'))
  make(folder)
  const before = readdirSync(folder)
  const ended = await vicrop(args, { cwd: folder })
  expect({ status: ended.status, stdout: ended.stdout }).toEqual({ status, stdout: '' })
  expect(ended.stderr).toMatch(/^vicrop: [^\p{Cc}]+\n$/u)
  expect(readdirSync(folder)).toEqual(before)
  return ended.stderr.slice('vicrop: '.length, -1)
}

describe.concurrent('a call that cannot be understood ends with 2', () => {
  test.each<[args: string[], message: string]>([
    [['aks'], "unknown command 'aks' (Did you mean ask?)"],
    [['ask'], "missing required argument 'image'"],
    [['ask', picture], 'no question. Give one after the picture, or with --question.'],
    [['ask', picture, 'What', 'is', 'it?'], "too many arguments for 'ask'. Expected 2 arguments but got 4."],
    [['ask', picture, 'What?', '--modle', model], "unknown option '--modle' (Did you mean --model?)"],
    [
      ['ask', picture, 'What?', '--method', 'grad_att'],
      `option '--method <name>' argument 'grad_att' is invalid. method "grad_att" is not available; available: rel-att, grad-att, pure-grad, none`,
    ],
    [
      ['ask', picture, 'What?', '--layers', '14-12'],
      `option '--layers <list>' argument '14-12' is invalid. "14-12" names no layers. Give numbers and ranges such as 12,14-16, or all.`,
    ],
    [
      ['ask', picture, 'What?', '--crop', '1,2,3'],
      `option '--crop <box>' argument '1,2,3' is invalid. "1,2,3" is no box. Give X,Y,W,H in pixels, such as 40,60,336,336, or auto.`,
    ],
    [
      ['ask', picture, 'What?', '--high-res', 'maybe'],
      "option '--high-res <mode>' argument 'maybe' is invalid. Allowed choices are auto, on, off.",
    ],
    [
      ['ask', picture, 'What?', '--variant', 'best'],
      "option '--variant <name>' argument 'best' is invalid. Allowed choices are paper, code.",
    ],
    [
      ['ask', picture, 'What?', '--max-new-tokens', '0'],
      `option '--max-new-tokens <n>' argument '0' is invalid. "0" is not a number of tokens from 1 on.`,
    ],
    [
      ['ask', picture, 'What?', '--device', 'tpu'],
      "option '--device <name>' argument 'tpu' is invalid. Allowed choices are cpu, webgpu, cuda.",
    ],
    [
      ['ask', picture, 'What?', '--save-map', 'map.jpg'],
      'map.jpg: pictures are written as PNG. Name a .png file.',
    ],
    [
      ['ask', picture, 'What?', '--save-map', 'map.png', '--method', 'none'],
      '--save-map: there is no map with --method none or a --crop of your own. Leave one of them out.',
    ],
  ])('%j', async (args, message) => {
    expect(await refusal(args, 2)).toBe(message)
  })

  it('and without a command it prints how to call it', async () => {
    const { status, stdout, stderr } = await vicrop([])
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^Usage: vicrop \[options\] \[command\]\n/)
  })
})

describe.concurrent('a picture that cannot be read ends the call with 1, before the model is opened', () => {
  test.each<[what: string, make: (folder: string) => void, message: string | RegExp]>([
    ['missing', () => {}, 'a.png: no such file, check the path'],
    ['a folder', folder => mkdirSync(join(folder, 'a.png')), 'a.png: is a folder, give a picture file'],
    [
      'not a picture',
      folder => writeFileSync(join(folder, 'a.png'), 'not a picture'),
      /^a\.png: not a picture that can be read, use JPEG, PNG, .* \(.*\)$/,
    ],
    [
      'one of 30,000 x 30,000 pixels by its header',
      folder => writeFileSync(join(folder, 'a.png'), emptyPng(30_000, 30_000)),
      'a.png: 30000x30000 pixels, at most 178956970 in all and 65535 a side are decoded: scale it down or cut it',
    ],
  ])('it is %s', async (_, make, message) => {
    const said = await refusal(['ask', 'a.png', 'What?', '--model', 'no-model'], 1, make)
    expect(said).toEqual(typeof message === 'string' ? message : expect.stringMatching(message))
  })
})

describe.concurrent('a file that cannot be written ends the call before anything is read', () => {
  const remedy = 'Does the folder exist, and is there space?'
  test.each<[what: string, make: (folder: string) => void, save: string[], status: 1 | 2, message: string]>([
    [
      'its folder is missing',
      () => {},
      ['--save-map', 'a/map.png'],
      1,
      `a/map.png: cannot be written (ENOENT). ${remedy}`,
    ],
    [
      'its folder is a file',
      folder => writeFileSync(join(folder, 'a'), ''),
      ['--save-crop', 'a/crop.png'],
      1,
      `a/crop.png: cannot be written (ENOTDIR). ${remedy}`,
    ],
    [
      'it is a folder',
      folder => mkdirSync(join(folder, 'map.png')),
      ['--save-map', 'map.png'],
      2,
      'map.png: is a folder. Name a file in it.',
    ],
  ])('%s', async (_, make, save, status, message) => {
    const args = ['ask', 'none.jpg', 'What?', '--model', 'no-model', ...save]
    expect(await refusal(args, status, make)).toBe(message)
  })
})

describe.concurrent('a question that cannot be asked ends the call with 1', () => {
  test.each([
    ['an empty one', ' ', /^the question is empty\. Ask something about the picture\.$/],
    [
      'one beyond the context',
      'what is the '.repeat(1000),
      /^prompt: \d{4} positions, the model has room for 512\. Ask a shorter question\.$/,
    ],
    [
      'one with the image token',
      'What is <image>?',
      /^prompt: 2 places for 1 pictures\. Leave the image token out of the question,/,
    ],
  ])('%s', async (_, question, message) => {
    const args = ['ask', picture, question, '--model', model, '--save-map', 'map.png']
    expect(await refusal(args, 1)).toMatch(message)
  })

  it('and with several questions those before it are answered', async () => {
    const args = ['look', picture, 'What?', '-q', 'What is <image>?', '--model', model, '--json']
    const { status, stdout, stderr } = await vicrop(args)
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ question: 'What?' })
    expect(stderr).toMatch(/^vicrop: prompt: 2 places for 1 pictures\..*\n$/)
  })
})

describe('a checkpoint that cannot be opened ends the call with 1', () => {
  const ask = (checkpoint: string, ...more: string[]): Promise<string> =>
    refusal(['ask', picture, 'What?', '--model', checkpoint, '--save-map', 'map.png', ...more], 1)

  it('because it is neither a folder nor an id', async () => {
    expect(await ask('../no/such/model')).toBe(
      '"../no/such/model": is neither a folder nor a model id; give a folder or "org/name[@revision]".',
    )
  })

  it('because it is another model', async () => {
    const llama = altered(setJson('config.json', { model_type: 'llama' }))
    expect(await ask(llama)).toBe(`config.json: model_type "llama", ${supportedModels}`)
  })

  it('because a file is missing', async () => {
    const without = altered(remove('config.json'))
    expect(await ask(without)).toBe(
      `${without}: has no config.json, so it is not a checkpoint; give a folder written by save_pretrained.`,
    )
  })

  it('or has no such layer', async () => {
    expect(await ask(model, '--layers', '14')).toBe(
      'layer 14: the model has layers 0 to 2. Name some of these.',
    )
  })
})

/** A PNG of one chunk of nothing that claims a size. */
function emptyPng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const typed = Buffer.concat([Buffer.from(type, 'latin1'), data])
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
    length.writeUInt32BE(data.length)
    check.writeUInt32BE(crc32(typed))
    return Buffer.concat([length, typed, check])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  const data = chunk('IDAT', deflateSync(Buffer.alloc(16)))
  return Buffer.concat([signature, chunk('IHDR', header), data, chunk('IEND', Buffer.alloc(0))])
}
