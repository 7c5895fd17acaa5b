import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Checkpoint } from '../../src/weights/checkpoint.ts'
import { openCheckpoint } from '../../src/weights/checkpoint-node.ts'
import { temporaryFolder } from './temporary.ts'
import { type TensorData, writeSafetensors } from './write-safetensors.ts'

const tensor: TensorData = { dtype: 'F32', shape: [2], data: [1, 2] }

/** A folder with these files; objects are written as JSON. */
function folderWith(files: Record<string, unknown>, folder = temporaryFolder()): string {
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}

function singleFile(names = ['language_model.lm_head.weight', 'language_model.model.norm.weight']): string {
  const folder = folderWith({ 'config.json': { model_type: 'llava' } })
  writeSafetensors(join(folder, 'model.safetensors'), Object.fromEntries(names.map(name => [name, tensor])))
  return folder
}

function sharded(weightMap: Record<string, unknown>): string {
  const folder = folderWith({ 'config.json': {}, 'model.safetensors.index.json': { weight_map: weightMap } })
  writeSafetensors(join(folder, 'model-00001-of-00002.safetensors'), { a: tensor })
  writeSafetensors(join(folder, 'model-00002-of-00002.safetensors'), { b: tensor, extra: tensor })
  return folder
}

const first = 'model-00001-of-00002.safetensors'
const second = 'model-00002-of-00002.safetensors'

const refusal = (folder: string): Promise<string> =>
  openCheckpoint(folder).then(
    () => expect.unreachable(),
    (error: Error) => {
      expect(error.name).toBe('WeightsError')
      expect(error.message).not.toContain('\n')
      return error.message
    },
  )

describe('a plain folder', () => {
  test('gives the tensors of a single file', async () => {
    const folder = singleFile(['a', 'b'])
    const checkpoint = await openCheckpoint(folder)
    expect(checkpoint.root).toBe(folder)
    expect([...checkpoint.tensors.keys()]).toEqual(['a', 'b'])
    expect(checkpoint.tensor('b')).toMatchObject({
      file: 'model.safetensors',
      dtype: 'F32',
      shape: [2],
      length: 8,
    })
  })

  test('gives the tensors that the index of a sharded checkpoint lists', async () => {
    const checkpoint = await openCheckpoint(sharded({ b: second, a: first }))
    expect([...checkpoint.tensors.values()].map(({ name, file }) => [name, file])).toEqual([
      ['b', second],
      ['a', first],
    ])
  })

  test('prefers the single file to an index', async () => {
    const folder = sharded({ a: first })
    writeSafetensors(join(folder, 'model.safetensors'), { whole: tensor })
    expect((await openCheckpoint(folder)).source).toBe('model.safetensors')
  })

  test('may be reached by a link, and may hold links to its own files', async () => {
    const folder = folderWith({ 'model.safetensors.index.json': { weight_map: { a: 'a.safetensors' } } })
    writeSafetensors(join(folder, 'parts', 'x'), { a: tensor })
    symlinkSync('parts/x', join(folder, 'a.safetensors'))
    const link = join(temporaryFolder(), 'link')
    symlinkSync(folder, link)
    const checkpoint = await openCheckpoint(link)
    expect([checkpoint.root, checkpoint.tensor('a').file]).toEqual([folder, 'parts/x'])
  })

  test('names the nearest tensor when one is missing', async () => {
    const checkpoint = await openCheckpoint(singleFile())
    expect(() => checkpoint.tensor('lm_head.weight')).toThrow(
      'model.safetensors: tensor "lm_head.weight" not found. Nearest: "language_model.lm_head.weight".',
    )
    expect(() => checkpoint.tensor('model.language_model.norm.weight')).toThrow(
      'Nearest: "language_model.model.norm.weight".',
    )
    expect(() => checkpoint.tensor('x')).toThrow(/not found\.$/)
  })
})

describe('the Hugging Face cache', () => {
  function hubModel(): { model: string; snapshot: string } {
    const model = join(temporaryFolder(), 'models--org--name')
    const snapshot = join(model, 'snapshots', '0123456789012345678901234567890123456789')
    mkdirSync(snapshot, { recursive: true })
    writeSafetensors(join(model, 'blobs', 'aaaa'), { a: tensor })
    writeFileSync(join(model, 'blobs', 'cccc'), '{"model_type":"llava"}')
    symlinkSync('../../blobs/aaaa', join(snapshot, 'model.safetensors'))
    symlinkSync('../../blobs/cccc', join(snapshot, 'config.json'))
    return { model, snapshot }
  }

  test('gives tensors by their blobs, below a root that holds them', async () => {
    const { model, snapshot } = hubModel()
    const checkpoint = await openCheckpoint(snapshot)
    expect(checkpoint.root).toBe(model)
    expect(checkpoint.tensor('a').file).toBe('blobs/aaaa')
    expect(await checkpoint.readJson('config.json')).toEqual({ model_type: 'llava' })
  })

  test('may hold a file of its own among the links', async () => {
    const { model, snapshot } = hubModel()
    const weightMap = { a: 'a.safetensors', b: 'b.safetensors' }
    rmSync(join(snapshot, 'model.safetensors'))
    symlinkSync('../../blobs/aaaa', join(snapshot, 'a.safetensors'))
    writeSafetensors(join(snapshot, 'b.safetensors'), { b: tensor })
    folderWith({ 'model.safetensors.index.json': { weight_map: weightMap } }, snapshot)
    const checkpoint = await openCheckpoint(snapshot)
    expect([checkpoint.root, checkpoint.tensor('a').file]).toEqual([model, 'blobs/aaaa'])
    expect(checkpoint.tensor('b').file).toBe(`snapshots/${basename(snapshot)}/b.safetensors`)
  })

  test('says when a blob is missing', async () => {
    const { model, snapshot } = hubModel()
    rmSync(join(model, 'blobs', 'aaaa'))
    expect(await refusal(snapshot)).toMatch(
      /^model\.safetensors: is a link to a file that is not there; download/,
    )
  })

  test('is not left by a link that goes further than the blobs', async () => {
    const { model, snapshot } = hubModel()
    writeFileSync(join(model, 'secret'), '{}')
    symlinkSync('../../secret', join(snapshot, 'preprocessor_config.json'))
    const { readJson } = await openCheckpoint(snapshot)
    await expect(readJson('preprocessor_config.json')).rejects.toThrow('is a link to')
  })
})

describe('a link', () => {
  test('out of a plain folder is refused', async () => {
    const outside = singleFile(['a'])
    const folder = folderWith({ 'config.json': {} })
    symlinkSync(join(outside, 'model.safetensors'), join(folder, 'model.safetensors'))
    expect(await refusal(folder)).toBe(
      `model.safetensors: is a link to ${outside}/model.safetensors, outside of ${folder}; ` +
        'put the file itself into the folder, or open the folder it lies in.',
    )
  })

  test('to a folder whose name merely begins alike is refused', async () => {
    const parent = temporaryFolder()
    folderWith({ 'config.json': '{}' }, join(parent, 'model-2'))
    const folder = folderWith({}, join(parent, 'model'))
    writeSafetensors(join(folder, 'model.safetensors'), { a: tensor })
    symlinkSync('../model-2/config.json', join(folder, 'config.json'))
    await expect((await openCheckpoint(folder)).readJson('config.json')).rejects.toThrow('outside of')
  })

  test('to nothing, or in a circle, is told from a file that is not there', async () => {
    const folder = folderWith({ 'config.json': {} })
    symlinkSync('gone', join(folder, 'model.safetensors'))
    expect(await refusal(folder)).toMatch(/^model\.safetensors: is a link to a file that is not there;/)
    const circle = folderWith({ 'config.json': {} })
    symlinkSync('model.safetensors', join(circle, 'model.safetensors'))
    expect(await refusal(circle)).toMatch(/^model\.safetensors: cannot be read \(ELOOP\)/)
  })
})

describe('a folder that is no checkpoint', () => {
  test('is refused when it is missing, a file or empty', async () => {
    const folder = temporaryFolder()
    expect(await refusal(join(folder, 'none'))).toMatch(/none: no such folder; give that of a checkpoint\.$/)
    expect(await refusal(join(folderWith({ file: '' }, folder), 'file'))).toMatch(
      /file: is a file; give the checkpoint's/,
    )
    expect(await refusal(folder)).toMatch(
      /: has no config\.json, so it is not a checkpoint; give a folder written by/,
    )
  })

  test('is refused when it has a config and no weights', async () => {
    const folder = folderWith({ 'config.json': {} })
    expect(await refusal(folder)).toMatch(
      /: has neither model\.safetensors nor model\.safetensors\.index\.json; download/,
    )
  })

  test('is refused when its weights are a pickle, and says how to convert them', async () => {
    const folder = folderWith({ 'config.json': {}, 'pytorch_model.bin': 'PK' })
    expect(await refusal(folder)).toMatch(
      /"pytorch_model\.bin", a pickle that can run code, .*safe_serialization=True/,
    )
  })

  test('is refused when model.safetensors is a folder', async () => {
    const folder = folderWith({ 'config.json': {} })
    mkdirSync(join(folder, 'model.safetensors'))
    expect(await refusal(folder)).toMatch(/^model\.safetensors: is not a file;/)
  })

  test('is refused when the weights are truncated', async () => {
    const folder = singleFile(['a'])
    truncateSync(join(folder, 'model.safetensors'), 100)
    expect(await refusal(folder)).toMatch(
      /^model\.safetensors: tensor "a" ends at byte 8 of the data, but the file holds/,
    )
  })
})

describe('an index', () => {
  test.each([
    '../outside.safetensors',
    '/etc/passwd',
    'sub/x.safetensors',
    'sub\\x.safetensors',
    '..',
    '.',
    '',
    'C:x',
    'a\n',
    7,
    null,
  ])('with the shard name %j is refused', async shard => {
    expect(await refusal(sharded({ a: shard }))).toBe(
      `model.safetensors.index.json: puts tensor "a" into ${JSON.stringify(shard)}, ` +
        'which is not the name of a file beside it; do not trust this checkpoint.',
    )
  })

  test('with a shard that is missing is refused', async () => {
    expect(await refusal(sharded({ a: 'model-3.safetensors' }))).toMatch(
      /^model\.safetensors\.index\.json: the shard "model-3\.safetensors" is not in .*; download it as well\.$/,
    )
  })

  test('with a tensor that no shard has is refused', async () => {
    expect(await refusal(sharded({ a: first, c: second }))).toMatch(
      /puts tensor "c" into "model-00002.*, but no shard has it;/,
    )
  })

  test('with a tensor in another shard is refused', async () => {
    expect(await refusal(sharded({ a: second, b: first }))).toMatch(
      /puts tensor "a" .*, but it is in "model-00001-of-00002/,
    )
  })

  test.each([['[]'], ['null'], ['{}'], ['{"weight_map":[]}'], ['{"weight_map":null}']])(
    'reading %s is refused',
    async text => {
      const folder = folderWith({ 'config.json': {}, 'model.safetensors.index.json': text })
      expect(await refusal(folder)).toMatch(/^model\.safetensors\.index\.json: has no "weight_map"/)
    },
  )
})

describe('the texts of a checkpoint', () => {
  const opened = async (files: Record<string, unknown>): Promise<Checkpoint> =>
    openCheckpoint(folderWith(files, singleFile()))

  test('are found, read and parsed', async () => {
    const checkpoint = await opened({ 'chat_template.jinja': '{{ x }}' })
    expect(await checkpoint.readText('chat_template.jinja')).toBe('{{ x }}')
    expect(await checkpoint.readJson('config.json')).toEqual({ model_type: 'llava' })
    expect([await checkpoint.has('config.json'), await checkpoint.has('generation_config.json')]).toEqual([
      true,
      false,
    ])
  })

  test('that are missing say where they come from', async () => {
    const checkpoint = await opened({})
    await expect(checkpoint.readJson('tokenizer.json')).rejects.toThrow(
      `${checkpoint.folder}: has no tokenizer.json; copy it from the model's repository.`,
    )
  })

  test('say so when it is the config that is missing', async () => {
    const folder = temporaryFolder()
    writeSafetensors(join(folder, 'model.safetensors'), { a: tensor })
    const { readJson } = await openCheckpoint(folder)
    await expect(readJson('config.json')).rejects.toThrow(
      'has no config.json, so it is not a checkpoint; give a folder',
    )
  })

  test('that are not JSON, not UTF-8 or too large are refused', async () => {
    const checkpoint = await opened({ 'a.json': '{"x":\n}', 'large.json': '' })
    await expect(checkpoint.readJson('a.json')).rejects.toThrow(
      /^a\.json: is not JSON: .*; download the file again\.$/,
    )
    writeFileSync(join(checkpoint.folder, 'latin.json'), Uint8Array.of(0x22, 0xe4, 0x22))
    await expect(checkpoint.readJson('latin.json')).rejects.toThrow('latin.json: is not UTF-8 text')
    truncateSync(join(checkpoint.folder, 'large.json'), 2 ** 40)
    await expect(checkpoint.readJson('large.json')).rejects.toThrow(
      'large.json: has 1099511627776 bytes, more than the',
    )
  })

  test('are not read from outside by their name', async () => {
    const checkpoint = await opened({})
    await expect(checkpoint.readText('../x')).rejects.toThrow('"../x": is not the name of a file in')
    await expect(checkpoint.has('..')).rejects.toThrow('is not the name of a file')
  })
})
