import { spawnSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import type { ServerResponse } from 'node:http'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { pull } from '../../src/weights/hub/pull.ts'
import { resolveModel } from '../../src/weights/hub/resolve.ts'
import { hubOfEnvironment } from '../../src/weights/hub/settings.ts'
import { commit, etagOf, gitHash, sha256 } from './server.ts'
import { useHub } from './use-hub.ts'

const bytesOf = (length: number, seed: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + seed) % 251))

const index = { weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' } }

const needed: Record<string, Buffer> = {
  'config.json': Buffer.from('{"model_type":"llava"}'),
  'preprocessor_config.json': Buffer.from('{}'),
  'tokenizer.json': Buffer.from('{"model":{}}'),
  'chat_template.jinja': Buffer.from('{{ messages }}'),
  'qformer_tokenizer/tokenizer.json': Buffer.from('{"model":1}'),
  'model.safetensors.index.json': Buffer.from(JSON.stringify(index)),
  'model-1.safetensors': bytesOf(300_000, 1),
  'model-2.safetensors': bytesOf(200_000, 2),
}

const notNeeded: Record<string, Buffer> = {
  'README.md': Buffer.from('# Name'),
  'pytorch_model.bin': bytesOf(1000, 3),
  'pytorch_model.bin.index.json': Buffer.from('{}'),
  'consolidated.safetensors': bytesOf(1000, 4),
  'name.gguf': bytesOf(1000, 5),
  'original/params.json': Buffer.from('{}'),
  'onnx/model.onnx': bytesOf(1000, 6),
}

const served = useHub(() => ({ ...needed, ...notNeeded }))

const shards = ['model-1.safetensors', 'model-2.safetensors'] as const
const blobsOf = (model: string): string[] => readdirSync(join(model, 'blobs')).sort()
const allBlobs = Object.entries(needed)
  .map(([path, bytes]) => etagOf(path, bytes))
  .sort()

/** What the snapshot's links lead to. */
function contents(snapshot: string): Record<string, Buffer> {
  const paths = readdirSync(snapshot, { recursive: true, encoding: 'utf8' })
  const files = paths.filter(path => !lstatSync(join(snapshot, path)).isDirectory())
  return Object.fromEntries(files.map(path => [path, readFileSync(join(snapshot, path))]))
}

const getsOfWeights = () =>
  served().hub.requests.filter(({ origin, method }) => origin === 'cdn' && method === 'GET')

const endedProcess = (): number => spawnSync(process.execPath, ['--version']).pid

const plain = (response: ServerResponse, status: number, text: string, type = 'text/plain'): boolean => {
  response.writeHead(status, { 'content-type': type })
  response.end(text)
  return true
}

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
    expect(getsOfWeights()).toEqual([])
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

describe('a download', () => {
  test('that is cut off goes on from there', async () => {
    const { hub } = served()
    hub.commits.set(commit, { ...needed, 'model.safetensors': bytesOf(300_000, 8) })
    hub.faults.cuts.push(100_000, 50_000)
    const snapshot = await resolveModel('org/name')
    expect(readFileSync(join(snapshot, 'model.safetensors'))).toEqual(bytesOf(300_000, 8))
    const ranges = getsOfWeights().map(({ range }) => range)
    expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=150000-'])
    expect(hub.sentBytes()).toBe(300_000)
  })

  test('that is aborted leaves what came, and a later one goes on from there', async () => {
    const { hub, model } = served()
    hub.commits.set(commit, { ...needed, 'model.safetensors': bytesOf(300_000, 8) })
    hub.faults.holdAfter = 120_000
    const [controller, reason] = [new AbortController(), new Error('enough')]
    const { signal } = controller
    const onProgress = ({ doneBytes }: { doneBytes: number }): void => {
      if (doneBytes >= 120_000) controller.abort(reason)
    }
    await expect(resolveModel('org/name', { signal, onProgress })).rejects.toBe(reason)
    expect(readdirSync(join(model, 'snapshots', commit))).not.toContain('model.safetensors')
    expect(readdirSync(model)).not.toContain('refs')
    expect(blobsOf(model).filter(name => name.endsWith('.incomplete'))).toHaveLength(1)
    hub.resume()
    const snapshot = await resolveModel('org/name')
    expect(readFileSync(join(snapshot, 'model.safetensors'))).toEqual(bytesOf(300_000, 8))
    expect(getsOfWeights().at(-1)?.range).toBe('bytes=120000-')
    expect(blobsOf(model).filter(name => name.endsWith('.incomplete'))).toEqual([])
  })

  test('whose address has expired gets a new one', async () => {
    const { hub } = served()
    hub.faults.expired = 2
    expect(contents(await resolveModel('org/name'))).toEqual(needed)
  })

  test('starts again where the server knows no ranges', async () => {
    const { hub } = served()
    hub.faults.ignoresRanges = true
    hub.faults.cuts.push(100_000)
    const snapshot = await resolveModel('org/name')
    expect(contents(snapshot)).toEqual(needed)
  })

  test.each(['config.json', shards[1]])(
    'with another hash than the hub states is thrown away: %s',
    async name => {
      const { hub, model } = served()
      hub.faults.corrupt.add(name)
      await expect(resolveModel('org/name')).rejects.toThrow(
        `org/name: ${name} came with another hash than the hub states and was thrown away; run again, or check HF_ENDPOINT.`,
      )
      expect(blobsOf(model).filter(blob => blob.startsWith(etagOf(name, needed[name] as Buffer)))).toEqual([])
      hub.faults.corrupt.clear()
      expect(contents(await resolveModel('org/name'))).toEqual(needed)
    },
  )

  test('starts again when what was left of it is damaged', async () => {
    const { model } = served()
    const snapshot = await resolveModel('org/name')
    const blob = join(model, 'blobs', sha256(needed[shards[0]] as Buffer))
    rmSync(blob)
    writeFileSync(`${blob}.elsewhere.0.0123abcd.incomplete`, Buffer.alloc(1000))
    await resolveModel('org/name')
    expect(contents(snapshot)).toEqual(needed)
    const ranges = getsOfWeights().map(({ range }) => range)
    expect(ranges.slice(-2)).toEqual(['bytes=1000-', undefined])
    expect(blobsOf(model)).toEqual(allBlobs)
  })

  test.each([
    ['a process that has ended', () => `${hostname().replaceAll(/[^\w-]/g, '-')}.${endedProcess()}`],
    ['another machine, long ago', () => 'elsewhere.1'],
  ])('goes on with what was left by %s', async (_, owner) => {
    const { model } = served()
    const content = needed[shards[0]] as Buffer
    mkdirSync(join(model, 'blobs'), { recursive: true })
    const left = join(model, 'blobs', `${sha256(content)}.${owner()}.0123abcd.incomplete`)
    writeFileSync(left, content.subarray(0, 123_456))
    utimesSync(left, 1, 1)
    expect(contents(await resolveModel('org/name'))).toEqual(needed)
    expect(getsOfWeights().map(({ range }) => range)).toContain('bytes=123456-')
    expect(blobsOf(model)).toEqual(allBlobs)
  })

  test('that goes on after its end is refused', async () => {
    served().hub.faults.tooLong.add(shards[0])
    await expect(resolveModel('org/name')).rejects.toThrow(
      `org/name: ${shards[0]} goes on after the 300000 bytes that the hub states; check HF_ENDPOINT.`,
    )
  })

  test('that fails ends the others, every time', async () => {
    const { hub, model } = served()
    hub.faults.tooLong.add(shards[0])
    for (let time = 0; time < 20; time++) {
      await expect(resolveModel('org/name')).rejects.toThrow('goes on after the 300000 bytes')
      rmSync(join(model, 'blobs'), { recursive: true })
    }
  })

  test('mends a file of the wrong size and a link to nothing', async () => {
    const { model } = served()
    const snapshot = await resolveModel('org/name')
    writeFileSync(join(model, 'blobs', gitHash(needed['config.json'] as Buffer)), '{}')
    rmSync(join(model, 'blobs', sha256(needed[shards[0]] as Buffer)))
    await pull(await hubOfEnvironment(), { id: 'org/name', revision: 'main' })
    expect(contents(snapshot)).toEqual(needed)
  })
})

describe('two downloads of the same model at a time', () => {
  test('fetch its weights once if one begins when the other is at them', async () => {
    const { hub } = served()
    hub.faults.holdAfter = 1000
    const first = resolveModel('org/name')
    await vi.waitFor(() => expect(getsOfWeights()).toHaveLength(2))
    await new Promise(done => setTimeout(done, 50))
    const second = resolveModel('org/name')
    await new Promise(done => setTimeout(done, 600))
    expect(getsOfWeights()).toHaveLength(2)
    hub.resume()
    expect(await second).toBe(await first)
    expect(getsOfWeights()).toHaveLength(2)
    expect(contents(await first)).toEqual(needed)
  })

  test('end with all of it if they begin at once', async () => {
    const { model } = served()
    const snapshots = await Promise.all(['org/name', 'org/name', 'org/name'].map(id => resolveModel(id)))
    expect(new Set(snapshots).size).toBe(1)
    expect(contents(snapshots[0] as string)).toEqual(needed)
    expect(blobsOf(model)).toEqual(allBlobs)
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

describe('a hub that refuses', () => {
  const answer = (status: number, code: string) => {
    served().hub.faults.instead = (_, response) => {
      response.setHeader('x-error-code', code)
      return plain(response, status, '{}', 'application/json')
    }
  }
  const page = () => `${served().hub.endpoint}/org/name`

  test.each([401, 403])('because the model is gated, %d, names the licence and the token', async status => {
    answer(status, 'GatedRepo')
    await expect(resolveModel('org/name')).rejects.toThrow(
      `org/name: is gated (${status}); accept its licence at ${page()} and set HF_TOKEN to a token of that account.`,
    )
    vi.stubEnv('HF_TOKEN', 'hf_x')
    await expect(resolveModel('org/name')).rejects.toThrow(
      `accept its licence at ${page()} and set HF_TOKEN to a token of that account that may read it.`,
    )
  })

  test('a gated model may show its list, and not its files', async () => {
    served().hub.faults.instead = (request, response) => {
      if (!request.url?.includes('/resolve/')) return false
      response.setHeader('x-error-code', 'GatedRepo')
      return plain(response, 403, '')
    }
    await expect(resolveModel('org/name')).rejects.toThrow('org/name: is gated (403); accept its licence at')
  })

  test('because nobody may know of the model', async () => {
    answer(401, 'RepoNotFound')
    await expect(resolveModel('org/name')).rejects.toThrow(
      'org/name: there is no such model, or it is private (401); check the id, or set HF_TOKEN.',
    )
    vi.stubEnv('HF_TOKEN', 'hf_x')
    await expect(resolveModel('org/name')).rejects.toThrow(
      'org/name: there is no such model, or HF_TOKEN may not read it (401); check the id and the token.',
    )
  })

  test('because there is no such model, or no such revision', async () => {
    await expect(resolveModel('org/nane')).rejects.toThrow(
      `org/nane: there is no such model; check the spelling at ${served().hub.endpoint}/org/nane.`,
    )
    await expect(resolveModel('org/name@v9')).rejects.toThrow(
      `org/name: has no revision "v9"; see ${page()}/tree/main.`,
    )
  })

  test('because a listed file is gone', async () => {
    served().hub.faults.gone.add('tokenizer.json')
    await expect(resolveModel('org/name')).rejects.toThrow(
      `org/name: has no tokenizer.json; see ${page()}, and pull again.`,
    )
  })

  test('because it is busy is asked again', async () => {
    const { hub } = served()
    let refusals = 2
    hub.faults.instead = (_, response) => refusals-- > 0 && plain(response, 503, 'busy')
    expect(contents(await resolveModel('org/name'))).toEqual(needed)
    refusals = 100
    await expect(pull(await hubOfEnvironment(), { id: 'org/name', revision: 'main' })).rejects.toThrow(
      `${hub.endpoint}: answers 503 when asked for the files of org/name; try again later.`,
    )
  })
})

describe('an endpoint that is no hub', () => {
  test('because it answers with web pages', async () => {
    const { hub } = served()
    hub.faults.instead = (_, response) => plain(response, 200, '<html>', 'text/html; charset=utf-8')
    await expect(resolveModel('org/name')).rejects.toThrow(
      `${hub.endpoint}: answers with a web page where the files of org/name was asked for; check HF_ENDPOINT, and whether the network wants a login.`,
    )
  })

  test('because it answers something else', async () => {
    const { hub } = served()
    hub.faults.instead = (_, response) => plain(response, 200, '{"sha":"../..","siblings":[]}')
    await expect(resolveModel('org/name')).rejects.toThrow(
      `${hub.endpoint}: answers "{\\"sha\\":\\"../..\\",\\"siblings\\":[]}" where a list of files was asked for; check HF_ENDPOINT.`,
    )
  })

  test('because its ETags are paths', async () => {
    const { hub } = served()
    hub.faults.instead = (request, response) => {
      if (request.method !== 'HEAD') return false
      response.setHeader('etag', '"../../../x"')
      return plain(response, 200, '')
    }
    await expect(resolveModel('org/name')).rejects.toThrow(
      `${hub.endpoint}: states neither size nor ETag of config.json; check HF_ENDPOINT.`,
    )
  })

  test('because it redirects in a circle, or out of the web', async () => {
    const { hub } = served()
    let location = '/'
    hub.faults.instead = (_, response) => {
      response.setHeader('location', location)
      return plain(response, 302, '')
    }
    await expect(resolveModel('org/name')).rejects.toThrow(
      `${hub.endpoint}: redirects in a circle when asked for the files of org/name; check HF_ENDPOINT.`,
    )
    location = 'file:///etc/passwd'
    await expect(resolveModel('org/name')).rejects.toThrow(
      `${hub.endpoint}: redirects to "file:///etc/passwd", which is no safe address; check HF_ENDPOINT.`,
    )
  })

  test('because nobody is there', async () => {
    const { hub } = served()
    await hub.close()
    await expect(resolveModel('org/name')).rejects.toThrow(
      `${hub.endpoint}: cannot be reached (ECONNREFUSED); check the connection and HF_ENDPOINT, then run again.`,
    )
  })

  test.each(['huggingface.co', 'ftp://x', ''])('because %j is no address', async endpoint => {
    vi.stubEnv('HF_ENDPOINT', endpoint)
    if (endpoint === '') expect((await hubOfEnvironment()).endpoint).toBe('https://huggingface.co')
    else
      await expect(resolveModel('org/name')).rejects.toThrow(
        `HF_ENDPOINT: "${endpoint}" is not the address of a hub; give one such as https://huggingface.co.`,
      )
  })
})

describe('a repository', () => {
  const without = (...names: string[]): Record<string, Buffer> =>
    Object.fromEntries(Object.entries(needed).filter(([name]) => !names.includes(name)))

  test.each<[what: string, files: Record<string, Buffer>, message: string]>([
    ['without a config', without('config.json'), 'org/name: has no config.json, so it is no model to open'],
    [
      'with pickles alone',
      { ...without('model.safetensors.index.json', ...shards), 'pytorch_model.bin': bytesOf(9, 9) },
      'org/name: has no weights as safetensors, and pickles, which can run code, are not read;',
    ],
    [
      'without a shard',
      without(shards[1]),
      'org/name: model.safetensors.index.json names "model-2.safetensors", which the repository lacks; try another revision.',
    ],
    [
      'whose index leads elsewhere',
      { ...needed, 'model.safetensors.index.json': Buffer.from('{"weight_map":{"a":"../x.safetensors"}}') },
      'which is not the name of a file beside it; do not trust this checkpoint.',
    ],
    [
      'whose index names a pickle',
      { ...needed, 'model.safetensors.index.json': Buffer.from('{"weight_map":{"a":"a.bin"}}') },
      'org/name: model.safetensors.index.json names "a.bin", not safetensors; try another revision.',
    ],
    [
      'whose index is no JSON',
      { ...needed, 'model.safetensors.index.json': Buffer.from('<') },
      'org/name: model.safetensors.index.json is not JSON; try another revision.',
    ],
  ])('%s is refused before weights are fetched', async (_, files, message) => {
    served().hub.commits.set(commit, files)
    await expect(resolveModel('org/name')).rejects.toThrow(message)
    expect(getsOfWeights()).toEqual([])
  })

  test('with names that are paths loses these', async () => {
    const { hub, cache } = served()
    hub.commits.set(commit, {
      ...needed,
      '../../../../evil.json': Buffer.from('{}'),
      '/evil.json': Buffer.from('{}'),
    })
    expect(contents(await resolveModel('org/name'))).toEqual(needed)
    expect(readdirSync(cache)).toEqual(['models--org--name'])
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
