import { readdirSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { describe, expect, test, vi } from 'vitest'
import { pull } from '../../src/weights/hub/pull.ts'
import { resolveModel } from '../../src/weights/hub/resolve.ts'
import { hubOfEnvironment } from '../../src/weights/hub/settings.ts'
import { bytesOf, contents, getsOfWeights, needed, notNeeded, shards } from './model-files.ts'
import { commit } from './server.ts'
import { useHub } from './use-hub.ts'

const served = useHub(() => ({ ...needed, ...notNeeded }))

const plain = (response: ServerResponse, status: number, text: string, type = 'text/plain'): boolean => {
  response.writeHead(status, { 'content-type': type })
  response.end(text)
  return true
}

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
    expect(getsOfWeights(served().hub)).toEqual([])
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
