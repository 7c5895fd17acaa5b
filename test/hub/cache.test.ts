import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { resolveModel } from '../../src/weights/hub/resolve.ts'
import { temporaryFolder } from '../weights/temporary.ts'

const commit = '0123456789abcdef0123456789abcdef01234567'
const needed = ['config.json', 'tokenizer.json', 'preprocessor_config.json', 'model.safetensors']
let cache: string

function addModel(hub: string, refs: Record<string, string>): string {
  const model = join(hub, 'models--org--name')
  const snapshot = join(model, 'snapshots', commit)
  mkdirSync(snapshot, { recursive: true })
  for (const file of needed) writeFileSync(join(snapshot, file), '{}')
  for (const [name, content] of Object.entries(refs)) {
    mkdirSync(dirname(join(model, 'refs', name)), { recursive: true })
    writeFileSync(join(model, 'refs', name), content)
  }
  return snapshot
}

beforeEach(() => {
  cache = temporaryFolder()
  vi.stubEnv('HF_HUB_CACHE', cache)
  vi.stubEnv('HF_HOME', '')
  vi.stubEnv('XDG_CACHE_HOME', '')
  vi.stubEnv('HF_HUB_OFFLINE', '1')
})
afterEach(() => {
  vi.unstubAllEnvs()
})

test('a folder is taken as it is', async () => {
  expect(await resolveModel(cache)).toBe(cache)
})

test('a file is not a folder', async () => {
  const file = join(cache, 'model.safetensors')
  writeFileSync(file, '')
  await expect(resolveModel(file)).rejects.toThrow(`${file}: is a file; give the checkpoint's folder.`)
})

test('an id is the snapshot that main refers to', async () => {
  const snapshot = addModel(cache, { main: `${commit}\n` })
  expect(await resolveModel('org/name')).toBe(snapshot)
})

test('a revision is a branch, a tag, a pull request or a commit', async () => {
  const snapshot = addModel(cache, { 'v1.0': commit, 'refs/pr/1': commit })
  expect(await resolveModel('org/name@v1.0')).toBe(snapshot)
  expect(await resolveModel('org/name@refs/pr/1')).toBe(snapshot)
  expect(await resolveModel(`org/name@${commit}`)).toBe(snapshot)
})

describe('the cache', () => {
  test.each([
    ['HF_HOME', 'hub'],
    ['XDG_CACHE_HOME', 'huggingface/hub'],
  ])('is found by %s', async (variable, below) => {
    vi.stubEnv('HF_HUB_CACHE', '')
    vi.stubEnv(variable, cache)
    const snapshot = addModel(join(cache, below), { main: commit })
    expect(await resolveModel('org/name')).toBe(snapshot)
  })
})

describe('a model that is not there', () => {
  test('is reported with the place and the way to get it', async () => {
    await expect(resolveModel('org/name')).rejects.toThrow(
      `org/name: is not complete in ${cache}/models--org--name, and HF_HUB_OFFLINE is set; unset it, or give a folder.`,
    )
    await expect(resolveModel('org/name@v2')).rejects.toThrow('org/name@v2: is not complete in')
  })

  test('may have a reference to a snapshot that is not there', async () => {
    addModel(cache, { main: commit.replace('0', 'f') })
    await expect(resolveModel('org/name')).rejects.toThrow('org/name: is not complete in')
  })

  test.each(needed)('may lack its %s', async file => {
    const snapshot = addModel(cache, { main: commit })
    rmSync(join(snapshot, file))
    await expect(resolveModel('org/name')).rejects.toThrow('org/name: is not complete in')
  })

  test('may lack a shard, or have a link to nothing in its place', async () => {
    const snapshot = addModel(cache, { main: commit })
    rmSync(join(snapshot, 'model.safetensors'))
    const index = { weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' } }
    writeFileSync(join(snapshot, 'model.safetensors.index.json'), JSON.stringify(index))
    writeFileSync(join(snapshot, 'model-1.safetensors'), '')
    symlinkSync('../../blobs/gone', join(snapshot, 'model-2.safetensors'))
    await expect(resolveModel('org/name')).rejects.toThrow('org/name: is not complete in')
    mkdirSync(join(snapshot, '../../blobs'))
    writeFileSync(join(snapshot, '../../blobs/gone'), '')
    expect(await resolveModel('org/name')).toBe(snapshot)
  })

  test('may have a reference that leads elsewhere', async () => {
    addModel(cache, { main: '../../../etc' })
    await expect(resolveModel('org/name')).rejects.toThrow(
      'the reference main holds "../../../etc", not a commit',
    )
  })
})

test.each([
  '',
  'name',
  'org/../name',
  '../name',
  'org/..',
  'org/na--me',
  'org/.name',
  'org/name.',
  '-org/name',
  'a/b/c',
  'org/n me',
  'org/\0',
])('%j is neither a folder nor an id', async text => {
  await expect(resolveModel(text)).rejects.toThrow(
    'is neither a folder nor a model id; give a folder or "org/name[@revision]".',
  )
})

test.each(['..', '../x', 'a/../b', '/etc', 'a//b', 'a\\b', '.x', 'a b', ' '])(
  '%j is not a revision',
  async revision => {
    await expect(resolveModel(`org/name@${revision}`)).rejects.toThrow(
      'is not a revision; give a branch, a tag or a commit.',
    )
  },
)
