import {
  appendFileSync,
  cpSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { checkpointHash } from '../../src/weights/hash-node.ts'
import { resolveModel } from '../../src/weights/hub/resolve.ts'
import { filesIn } from '../hub/server.ts'
import { useHub } from '../hub/use-hub.ts'
import { modelPath } from '../models/fixtures.ts'
import { temporaryFolder } from './temporary.ts'

const served = useHub(() => filesIn(modelPath('base')))

function copy(): string {
  const folder = temporaryFolder()
  cpSync(modelPath('base'), folder, { recursive: true })
  return folder
}

it('is the same wherever the checkpoint lies, in a folder or on the hub', async () => {
  const hash = await checkpointHash(modelPath('base'))
  expect(hash).toMatch(/^[0-9a-f]{64}$/)
  expect(await checkpointHash(copy())).toBe(hash)
  expect(served().cache).not.toBe('')
  expect(await checkpointHash(await resolveModel('org/name'))).toBe(hash)
})

it.each(['config.json', 'tokenizer.json', 'preprocessor_config.json', 'model.safetensors'])(
  'is another one for another %s',
  async name => {
    const folder = copy()
    const hash = await checkpointHash(folder)
    appendFileSync(join(folder, name), ' ')
    expect(await checkpointHash(folder)).not.toBe(hash)
  },
)

it('is that of the files that count', async () => {
  const folder = copy()
  const hash = await checkpointHash(folder)
  writeFileSync(join(folder, 'README.md'), 'about it')
  expect(await checkpointHash(folder)).toBe(hash)
  expect(await checkpointHash(modelPath('sharded'))).not.toBe(await checkpointHash(modelPath('half')))
})

it('takes the name of a file of the hub for its hash, and reads it not', async () => {
  const folder = await resolveModel('org/name')
  const hash = await checkpointHash(folder)
  const blob = realpathSync(join(folder, 'model.safetensors'))
  const { length } = readFileSync(blob)
  rmSync(blob)
  writeFileSync(blob, Buffer.alloc(length))
  expect(await checkpointHash(folder)).toBe(hash)
})

it('reads a large file once, until its size or time changes', async () => {
  const [folder, cacheFolder] = [copy(), temporaryFolder()]
  const path = join(folder, 'model.safetensors')
  const writeLarge = (fill: number, size: number, time: number): void => {
    writeFileSync(path, Buffer.alloc(size, fill))
    utimesSync(path, time, time)
  }
  const size = 33 * 2 ** 20
  let most = 0
  const onProgress = ({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }): void => {
    expect(doneBytes).toBeLessThanOrEqual(totalBytes)
    most = Math.max(most, doneBytes)
  }
  writeLarge(1, size, 1000)
  const first = await checkpointHash(folder, { cacheFolder, onProgress })
  expect(most).toBeGreaterThan(size)
  writeLarge(2, size, 1000)
  expect(await checkpointHash(folder, { cacheFolder })).toBe(first)
  const noFolder = join(folder, 'config.json')
  const second = await checkpointHash(folder, { cacheFolder: noFolder })
  expect(second).not.toBe(first)
  writeLarge(2, size, 1001)
  expect(await checkpointHash(folder, { cacheFolder })).toBe(second)
})

it('ends when it is interrupted', async () => {
  await expect(checkpointHash(modelPath('base'), { signal: AbortSignal.abort() })).rejects.toThrow('abort')
})
