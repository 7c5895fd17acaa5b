import { createHash } from 'node:crypto'
import { copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { ViCrop } from '../../src/vicrop.ts'
import { type CaseName, modelPath, picturePath } from '../models/fixtures.ts'
import { temporaryFolder } from '../weights/temporary.ts'

const commit = '0123456789abcdef0123456789abcdef01234567'

afterEach(() => vi.unstubAllEnvs())

it.each(['base', 'sharded', 'half'] as const)(
  'a model in the Hugging Face cache answers as the same model in a folder: %s',
  async name => {
    const cache = await temporaryFolder()
    vi.stubEnv('HF_HUB_CACHE', cache)
    vi.stubEnv('VICROP_CACHE', await temporaryFolder())
    await fillCache(join(cache, 'models--tiny--llava'), name)
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

/** The layout of the Python tools: contents under their hashes, a snapshot of links to them, a branch. */
async function fillCache(folder: string, name: CaseName): Promise<void> {
  const snapshot = join(folder, 'snapshots', commit)
  for (const path of [snapshot, join(folder, 'blobs'), join(folder, 'refs')])
    await mkdir(path, { recursive: true })
  await writeFile(join(folder, 'refs', 'main'), commit)
  for (const file of await readdir(modelPath(name))) {
    const source = join(modelPath(name), file)
    const hash = createHash('sha256')
      .update(await readFile(source))
      .digest('hex')
    await copyFile(source, join(folder, 'blobs', hash))
    await symlink(join('..', '..', 'blobs', hash), join(snapshot, file))
  }
}
