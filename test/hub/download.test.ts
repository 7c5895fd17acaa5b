import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
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
import { commit, etagOf, gitHash, sha256 } from './server.ts'
import { useHub } from './use-hub.ts'

const served = useHub(() => ({ ...needed, ...notNeeded }))

const endedProcess = (): number => spawnSync(process.execPath, ['--version']).pid

describe('a download', () => {
  test('that is cut off goes on from there', async () => {
    const { hub } = served()
    hub.commits.set(commit, { ...needed, 'model.safetensors': bytesOf(300_000, 8) })
    hub.faults.cuts.push(100_000, 50_000)
    const snapshot = await resolveModel('org/name')
    expect(readFileSync(join(snapshot, 'model.safetensors'))).toEqual(bytesOf(300_000, 8))
    const ranges = getsOfWeights(served().hub).map(({ range }) => range)
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
    expect(getsOfWeights(served().hub).at(-1)?.range).toBe('bytes=120000-')
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
    const ranges = getsOfWeights(served().hub).map(({ range }) => range)
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
    expect(getsOfWeights(served().hub).map(({ range }) => range)).toContain('bytes=123456-')
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
    await vi.waitFor(() => expect(getsOfWeights(served().hub)).toHaveLength(2))
    await new Promise(done => setTimeout(done, 50))
    const second = resolveModel('org/name')
    await new Promise(done => setTimeout(done, 600))
    expect(getsOfWeights(served().hub)).toHaveLength(2)
    hub.resume()
    expect(await second).toBe(await first)
    expect(getsOfWeights(served().hub)).toHaveLength(2)
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
