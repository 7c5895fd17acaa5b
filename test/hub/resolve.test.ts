import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { pull } from '../../src/weights/hub/pull.ts'
import { resolveModel } from '../../src/weights/hub/resolve.ts'
import { hubOfEnvironment } from '../../src/weights/hub/settings.ts'
import {
  allBlobs,
  blobsOf,
  bytesOf,
  contents,
  getsOfWeights,
  needed,
  notNeeded,
  shards,
} from './model-files.ts'
import { commit, gitHash, sha256 } from './server.ts'
import { useHub } from './use-hub.ts'

const served = useHub(() => ({ ...needed, ...notNeeded }))

describe('a model that is not in the cache', () => {
  test('is fetched: the files that are needed, in the layout of the Python tools', async () => {
    const { model } = served()
    const snapshot = await resolveModel('org/name')
    expect(snapshot).toBe(join(model, 'snapshots', commit))
    expect(contents(snapshot)).toEqual(needed)
    expect(readFileSync(join(model, 'refs/main'), 'utf8')).toBe(commit)
    expect(readlinkSync(join(snapshot, 'config.json'))).toBe(
      `../../blobs/${gitHash(needed['config.json'] as Buffer)}`,
    )
    expect(readlinkSync(join(snapshot, 'qformer_tokenizer/tokenizer.json'))).toMatch(
      /^\.\.\/\.\.\/\.\.\/blobs\//,
    )
    expect(readlinkSync(join(snapshot, shards[0]))).toBe(`../../blobs/${sha256(needed[shards[0]] as Buffer)}`)
    expect(blobsOf(model)).toEqual(allBlobs)
  })

  test('is fetched once: what is there is used without a question', async () => {
    const { hub } = served()
    const snapshot = await resolveModel('org/name')
    hub.requests.length = 0
    expect(await resolveModel('org/name')).toBe(snapshot)
    expect(await resolveModel(`org/name@${commit}`)).toBe(snapshot)
    expect(hub.requests).toEqual([])
  })

  test('reports its progress in bytes of all files', async () => {
    const seen: number[][] = []
    await resolveModel('org/name', {
      onProgress: ({ doneBytes, totalBytes }) => void seen.push([doneBytes, totalBytes]),
    })
    const early = ['config.json', 'model.safetensors.index.json']
    const rest = Object.entries(needed).filter(([path]) => !early.includes(path))
    const total = rest.reduce((sum, [, bytes]) => sum + bytes.length, 0)
    expect(seen.at(-1)).toEqual([total, total])
    expect(seen).toEqual(seen.toSorted((a, b) => (a[0] as number) - (b[0] as number)))
  })

  test('has no weights fetched when its config is not accepted', async () => {
    const accept = (config: unknown): void => {
      throw new Error(`not ${JSON.stringify(config)}`)
    }
    await expect(resolveModel('org/name', { accept })).rejects.toThrow('not {"model_type":"llava"}')
    expect(getsOfWeights(served().hub)).toEqual([])
  })

  test('may have one file of weights', async () => {
    const { hub } = served()
    const single = { ...needed, 'model.safetensors': bytesOf(1000, 7) }
    hub.commits.set(commit, single)
    const snapshot = await resolveModel('org/name')
    expect(readdirSync(snapshot)).toContain('model.safetensors')
    expect(readdirSync(snapshot)).not.toContain(shards[0])
  })

  test('may have been renamed on the hub', async () => {
    const { hub, cache } = served()
    hub.renamed.set('old/name', 'org/name')
    expect(await resolveModel('old/name')).toBe(join(cache, 'models--old--name/snapshots', commit))
  })
})

describe('a revision', () => {
  const second = commit.replace('0', 'f')

  test('is a commit: no branch is noted, and the branch may have moved on', async () => {
    const { hub, model } = served()
    hub.refs.set('main', second)
    expect(await resolveModel(`org/name@${commit}`)).toBe(join(model, 'snapshots', commit))
    expect(readdirSync(model).sort()).toEqual(['blobs', 'snapshots'])
  })

  test('is a branch with slashes', async () => {
    const { hub, model } = served()
    hub.refs.set('refs/pr/1', commit)
    await resolveModel('org/name@refs/pr/1')
    expect(readFileSync(join(model, 'refs/refs/pr/1'), 'utf8')).toBe(commit)
  })

  test('that moved is followed by a pull, which fetches what is new alone', async () => {
    const { hub, model } = served()
    const first = await resolveModel('org/name')
    hub.refs.set('main', second)
    hub.commits.set(second, { ...needed, 'config.json': Buffer.from('{"model_type":"llava","x":1}') })
    const sent = hub.sentBytes()
    expect(await resolveModel('org/name')).toBe(first)
    const settings = await hubOfEnvironment()
    expect(await pull(settings, { id: 'org/name', revision: 'main' })).toBe(join(model, 'snapshots', second))
    expect(hub.sentBytes()).toBe(sent)
    expect(readFileSync(join(model, 'refs/main'), 'utf8')).toBe(second)
    expect(contents(first)).toEqual(needed)
  })
})

describe('the token', () => {
  test.each([
    ['HF_TOKEN', () => vi.stubEnv('HF_TOKEN', ' hf_secret\n')],
    [
      'the file that a login writes',
      () => writeFileSync(join(process.env.HF_HOME as string, 'token'), 'hf_secret\n'),
    ],
  ])('of %s goes to the hub, and not to where it redirects', async (_, set) => {
    set()
    await resolveModel('org/name')
    const { requests } = served().hub
    const tokens = (origin: string) =>
      new Set(requests.filter(each => each.origin === origin).map(({ authorization }) => authorization))
    expect(tokens('hub')).toEqual(new Set(['Bearer hf_secret']))
    expect(tokens('cdn')).toEqual(new Set([undefined]))
  })

  test('is not sent when there is none', async () => {
    await resolveModel('org/name')
    expect(served().hub.requests.filter(({ authorization }) => authorization !== undefined)).toEqual([])
  })

  test('that is more than a word is refused before it is sent, and not shown', async () => {
    vi.stubEnv('HF_TOKEN', 'my secret')
    await expect(resolveModel('org/name')).rejects.toThrow(
      /^HF_TOKEN: holds no token of the hub, which is one word; log in again or unset it\.$/,
    )
  })
})

describe('offline', () => {
  test.each(['1', 'true', 'ON'])('nothing is asked: HF_HUB_OFFLINE=%s', async value => {
    const { hub, model } = served()
    vi.stubEnv('HF_HUB_OFFLINE', value)
    await expect(resolveModel('org/name')).rejects.toThrow(
      `org/name: is not complete in ${model}, and HF_HUB_OFFLINE is set; unset it, or give a folder.`,
    )
    expect(hub.requests).toEqual([])
  })

  test('a model in the cache is used', async () => {
    const snapshot = await resolveModel('org/name')
    vi.stubEnv('HF_HUB_OFFLINE', '1')
    expect(await resolveModel('org/name')).toBe(snapshot)
  })
})
