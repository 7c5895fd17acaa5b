import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { commit, filesIn, sha256 } from '../hub/server.ts'
import { useHub } from '../hub/use-hub.ts'
import { altered, remove, setJson } from '../models/altered.ts'
import { modelPath, picturePath } from '../models/fixtures.ts'
import { vicrop } from './vicrop.ts'

const files: Record<string, Buffer> = { ...filesIn(modelPath('sharded')), 'README.md': Buffer.from('# Name') }
const shards = Object.keys(files).filter(name => name.endsWith('.safetensors'))
const served = useHub(() => files)

const weightRequests = () => served().hub.requests.filter(({ origin }) => origin === 'cdn')
const incomplete = (): string[] => blobs().filter(name => name.endsWith('.incomplete'))
const blobs = (): string[] => readdirSync(join(served().model, 'blobs'))

const summary = ({ status, stderr }: Awaited<ReturnType<typeof vicrop>>) => ({ status, stderr })
const quiet = { status: 0, stderr: '' }

describe('models pull', () => {
  test('prints the folder of what it fetched, and the model is opened by its id', async () => {
    const { model } = served()
    const pulled = await vicrop(['models', 'pull', 'org/name'])
    expect(pulled).toEqual({ ...quiet, stdout: `${join(model, 'snapshots', commit)}\n` })
    const asked = await vicrop(
      ['ask', picturePath('wide'), 'What colour?', '--model', 'org/name', '--layers', '0'],
      { env: { HF_HUB_OFFLINE: '1' } },
    )
    expect(summary(asked)).toEqual(quiet)
    expect(asked.stdout).toMatch(/^question +What colour\?\nplain answer /)
  })

  test('with --json prints one object', async () => {
    const { stdout } = await vicrop(['models', 'pull', `org/name@${commit}`, '--json'])
    const folder = join(served().model, 'snapshots', commit)
    expect(JSON.parse(stdout)).toEqual({ id: 'org/name', revision: commit, folder })
  })

  test('killed in the midst of it, goes on from there the next time', async () => {
    const { hub } = served()
    hub.faults.holdAfter = 10_000
    const kill = new AbortController()
    const running = vicrop(['models', 'pull', 'org/name'], { killed: kill.signal })
    await vi.waitFor(() => expect(weightRequests().length).toBeGreaterThan(3), { timeout: 20_000 })
    await vi.waitFor(() => expect(incomplete().length).toBeGreaterThan(3))
    await new Promise(done => setTimeout(done, 300))
    kill.abort()
    expect((await running).status).toBe('SIGKILL')
    expect(readdirSync(served().model)).not.toContain('refs')
    expect(blobs()).not.toContain(sha256(files[shards[0] as string] as Buffer))

    const before = weightRequests().length
    hub.resume()
    expect(summary(await vicrop(['models', 'pull', 'org/name']))).toEqual(quiet)
    const ranges = weightRequests()
      .slice(before)
      .map(({ range }) => range)
    expect(ranges.filter(range => range === 'bytes=10000-')).toHaveLength(4)
    expect(incomplete()).toEqual([])
    expect(summary(await vicrop(['models', 'check', 'org/name']))).toEqual(quiet)
  })

  test('in two processes at once ends well in both', async () => {
    const both = await Promise.all([1, 2].map(() => vicrop(['models', 'pull', 'org/name'])))
    expect(both.map(summary)).toEqual([quiet, quiet])
    expect(incomplete()).toEqual([])
    expect(summary(await vicrop(['models', 'check', 'org/name']))).toEqual(quiet)
  })

  test('interrupted ends with 130, quietly', async () => {
    const { hub } = served()
    hub.faults.holdAfter = 10_000
    const running = vicrop(['models', 'pull', 'org/name'], { interrupted: whenWeightsCome() })
    expect(await running).toEqual({ status: 130, stdout: '', stderr: '' })
  })

  test.each<[string, string, 1 | 2]>([
    ['demo/model', 'demo/model: is here already. Give the id of a model of the hub.', 2],
    ['org', '"org": is neither a folder nor a model id; give a folder or "org/name[@revision]".', 1],
  ])('of %s is refused', async (id, message, status) => {
    expect(await vicrop(['models', 'pull', id])).toEqual({
      status,
      stdout: '',
      stderr: `vicrop: ${message}\n`,
    })
  })

  test('of an unsupported model ends before its weights', async () => {
    const { hub } = served()
    hub.commits.set(commit, { ...files, 'config.json': Buffer.from('{"model_type":"bert"}') })
    const { status, stderr } = await vicrop(['models', 'pull', 'org/name'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/^vicrop: config\.json: model_type "bert", supported: .*\n$/)
    expect(weightRequests()).toEqual([])
  })
})

describe('models list', () => {
  test('says what is in the cache, and what of it can be opened', async () => {
    const { hub, model, cache } = served()
    expect((await vicrop(['models', 'list'])).stdout).toBe(
      `no models in ${cache}. Get one with: vicrop models pull org/name\n`,
    )
    const second = commit.replace('0', 'f')
    hub.refs.set('small', second)
    hub.commits.set(second, filesIn(modelPath('half')))
    for (const id of ['org/name', 'org/name@small']) await vicrop(['models', 'pull', id])
    rmSync(join(model, 'blobs', sha256(files[shards[1] as string] as Buffer)))
    const { stdout } = await vicrop(['models', 'list'])
    expect(
      stdout
        .split('\n')
        .map(line => line.replace(/ +/g, ' '))
        .sort(),
    ).toEqual([
      '',
      expect.stringMatching(/^org\/name \d+\.\d kB llava: not complete$/),
      expect.stringMatching(/^org\/name@small \d+\.\d kB llava: ready$/),
    ])
    const json = (await vicrop(['models', 'list', '--json'])).stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(json.find(each => each.commit === commit)).toMatchObject({
      id: 'org/name',
      revisions: ['main'],
      modelType: 'llava',
      supported: true,
      missing: [shards[1]],
    })
  })
})

describe('models check', () => {
  test('reads a model on the hub by its headers, and keeps nothing', async () => {
    const { hub, cache } = served()
    hub.commits.set(commit, filesIn(modelPath('base')))
    const { status, stdout } = await vicrop(['models', 'check', 'org/name'])
    expect(status).toBe(0)
    const folder = await vicrop(['models', 'check', modelPath('base')])
    expect(stdout.split('\n').slice(1)).toEqual(folder.stdout.split('\n').slice(1))
    expect(stdout.split('\n')[0]).toBe('model       org/name (on the hub, not downloaded)')
    expect(weightRequests().map(({ range }) => range)).toEqual(['bytes=0-131071'])
    expect(readdirSync(cache)).toEqual([])
  })

  test('fits a terminal of 80 columns', async () => {
    const { stdout } = await vicrop(['models', 'check', 'org/name'])
    expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80)
    for (const dtype of ['f32', 'f16', 'q8', 'q4'])
      expect(stdout).toMatch(new RegExp(`^memory ${dtype} `, 'm'))
  })

  test('counts parameters and bytes from the headers', async () => {
    const { stdout } = await vicrop(['models', 'check', modelPath('half'), '--json'])
    const found = JSON.parse(stdout)
    const { parameters, storedBytes } = found.weights
    expect(storedBytes.F16).toBe(2 * parameters)
    expect(found).toMatchObject({ source: 'folder', modelType: 'llava', supported: true, missing: [] })
    const [f32, f16, q8, q4] = found.memory
    expect(f32).toMatchObject({ dtype: 'f32', fits: true })
    // The vision encoder's last layer is not read.
    expect(f32.weightsBytes).toBeGreaterThan(2 * parameters)
    expect(f32.weightsBytes).toBeLessThanOrEqual(4 * parameters)
    const bytes = [f32, f16, q8, q4].map(need => need.weightsBytes)
    expect(bytes).toEqual(bytes.toSorted((a, b) => b - a))
  })

  test('names what is missing, and ends with 1', async () => {
    const lacking = altered(folder => {
      remove('tokenizer.json')(folder)
      remove(shards[2] as string)(folder)
    }, 'sharded')
    const { status, stdout } = await vicrop(['models', 'check', lacking])
    expect(status).toBe(1)
    expect(stdout).toContain(`\nmissing     tokenizer.json, ${shards[2]}\n`)
  })

  test('says why a model is not supported, and ends with 1', async () => {
    const wrong = altered(setJson('config.json', { text_config: { num_hidden_layers: 9 } }))
    const { status, stdout } = await vicrop(['models', 'check', wrong])
    expect(status).toBe(1)
    expect(stdout.replace(/\s+/g, ' ')).toContain('supported no: model.safetensors: tensor "')
    const other = await vicrop(['models', 'check', altered(setJson('config.json', { model_type: 'bert' }))])
    expect(other.status).toBe(1)
    expect(other.stdout.replace(/\s+/g, ' ')).toContain(
      'model_type bert supported no: config.json: model_type "bert", supported: ',
    )
  })

  test('of a hub that cannot be asked ends with one line', async () => {
    await served().hub.close()
    const { status, stdout, stderr } = await vicrop(['models', 'check', 'org/name'])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toMatch(/^vicrop: .* cannot be reached \(ECONNREFUSED\); .*\n$/)
  })
})

/** When the hub is asked for weights. */
function whenWeightsCome(): AbortSignal {
  const controller = new AbortController()
  void vi
    .waitFor(() => expect(weightRequests().length).toBeGreaterThan(0), { timeout: 20_000 })
    .then(() => controller.abort())
  return controller.signal
}
