import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { OpenProgress } from '../../src/index.ts'
import { ViCrop } from '../../src/vicrop.ts'
import { commit, filesIn } from '../hub/server.ts'
import { useHub } from '../hub/use-hub.ts'
import { type CaseName, modelPath, picturePath } from '../models/fixtures.ts'
import { temporaryFolder } from '../weights/temporary.ts'

afterEach(() => vi.unstubAllEnvs())

it.each([
  ['base', 'own'],
  ['sharded', 'own'],
  ['half', 'own'],
  ['sharded', 'shared'],
] as const)(
  'a model in the Hugging Face cache answers as the same model in a folder: %s, contents of its %s',
  async (name, contents) => {
    const cache = await temporaryFolder()
    vi.stubEnv('HF_HUB_CACHE', cache)
    vi.stubEnv('VICROP_CACHE', await temporaryFolder())
    await fillCache(join(cache, 'models--tiny--llava'), name, contents)
    const expected = await answerOf(modelPath(name))
    expect(await answerOf('tiny/llava')).toEqual(expected)
    expect(await answerOf(`tiny/llava@${commit}`)).toEqual(expected)
  },
)

async function answerOf(model: string): Promise<string> {
  const vicrop = await ViCrop.open(model)
  const picture = await vicrop.see(picturePath('wide'))
  const { answer } = await picture.ask('What is the colour of the small sign?', { layers: [0] })
  await vicrop.release()
  return answer
}

/**
 * The layout of the Python tools: contents under their hashes, a snapshot of links to them, a branch. Newer ones keep
 * large contents once for all models, and blobs are links to those (huggingface_hub 2, `_shared_blobs.py`).
 */
async function fillCache(folder: string, name: CaseName, contents: 'own' | 'shared'): Promise<void> {
  const snapshot = join(folder, 'snapshots', commit)
  for (const path of [snapshot, join(folder, 'blobs'), join(folder, 'refs')])
    await mkdir(path, { recursive: true })
  await writeFile(join(folder, 'refs', 'main'), commit)
  for (const file of await readdir(modelPath(name))) {
    const source = join(modelPath(name), file)
    const hash = createHash('sha256')
      .update(await readFile(source))
      .digest('hex')
    const blob = join(folder, 'blobs', hash)
    if (contents === 'own') await copyFile(source, blob)
    else {
      const store = join('..', '..', 'blobs', hash.slice(0, 2), hash)
      await mkdir(join(folder, 'blobs', store, '..'), { recursive: true })
      await copyFile(source, join(folder, 'blobs', store))
      await symlink(store, blob)
    }
    await symlink(join('..', '..', 'blobs', hash), join(snapshot, file))
  }
}

describe('a model on the hub', () => {
  const served = useHub(() => filesIn(modelPath('half')))

  it('is downloaded when it is opened, with progress, and answers as the same model in a folder', async () => {
    vi.stubEnv('VICROP_CACHE', temporaryFolder())
    const stages: string[] = []
    const onProgress = ({ stage }: OpenProgress): void => void stages.push(stage)
    await using vicrop = await ViCrop.open('org/name', { onProgress })
    expect(vicrop.layerCount).toBeGreaterThan(0)
    expect([...new Set(stages)]).toEqual(['downloading', 'converting'])
    expect(await answerOf('org/name')).toEqual(await answerOf(modelPath('half')))
  })

  it('of an unsupported type is refused before its weights are downloaded', async () => {
    const { hub } = served()
    const config = Buffer.from('{"model_type":"bert"}')
    hub.commits.set(commit, { ...filesIn(modelPath('half')), 'config.json': config })
    await expect(ViCrop.open('org/name')).rejects.toThrow('config.json: model_type "bert", supported: ')
    expect(hub.requests.filter(({ origin }) => origin === 'cdn')).toEqual([])
  })
})
