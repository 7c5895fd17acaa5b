import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { resolveModel } from '../../src/weights/hub/resolve.ts'
import { modelPath } from '../models/fixtures.ts'
import { filesIn } from './server.ts'
import { useHub } from './use-hub.ts'

/** What the mocked file system is to do; the real one otherwise. */
const disk = vi.hoisted(() => ({
  freeBytes: Number.POSITIVE_INFINITY,
  writeFails: null as string | null,
  links: true,
}))

vi.mock('node:fs/promises', async importActual => {
  const actual = await importActual<typeof import('node:fs/promises')>()
  const failure = (code: string) => Object.assign(new Error(code), { code, syscall: 'any' })
  return {
    ...actual,
    statfs: async (path: string) =>
      disk.freeBytes === Number.POSITIVE_INFINITY
        ? actual.statfs(path)
        : { bavail: disk.freeBytes, bsize: 1 },
    symlink: async (target: string, path: string) => {
      if (!disk.links) throw failure('EPERM')
      return actual.symlink(target, path)
    },
    open: async (path: string, flags?: number, mode?: number) => {
      const handle = await actual.open(path, flags, mode)
      const code = disk.writeFails
      if (code !== null && path.endsWith('.incomplete')) handle.write = () => Promise.reject(failure(code))
      return handle
    },
  }
})

afterEach(() => Object.assign(disk, { freeBytes: Number.POSITIVE_INFINITY, writeFails: null, links: true }))

const files = filesIn(modelPath('base'))
const served = useHub(() => files)

test('a disk without room for the model is noticed before the weights are asked for', async () => {
  const { hub, cache } = served()
  disk.freeBytes = 10_000
  await expect(resolveModel('org/name')).rejects.toThrow(
    `${cache}: needs 1 MB but has 0 MB left; free some space, or name another folder by HF_HUB_CACHE.`,
  )
  expect(hub.requests.filter(({ origin }) => origin === 'cdn')).toEqual([])
})

test.each([
  ['ENOSPC', 'no space left (ENOSPC); free some'],
  ['EDQUOT', 'no space left (EDQUOT); free some'],
  ['EROFS', 'cannot be written (EROFS); allow it'],
])('a disk that refuses to be written, %s, is named with what to do', async (code, problem) => {
  const { cache, model } = served()
  disk.writeFails = code
  await expect(resolveModel('org/name')).rejects.toThrow(
    `${cache}: ${problem}, or name another folder by HF_HUB_CACHE.`,
  )
  expect(readdirSync(join(model, 'blobs'))).toEqual([])
  expect(readdirSync(model)).toEqual(['blobs'])
})

test('a cache that is no folder is named with what to do', async () => {
  const { cache } = served()
  const file = join(cache, 'file')
  writeFileSync(file, '')
  vi.stubEnv('HF_HUB_CACHE', file)
  await expect(resolveModel('org/name')).rejects.toThrow(
    `${file}: cannot be written (ENOTDIR); allow it, or name another folder by HF_HUB_CACHE.`,
  )
})

test('where no symbolic links can be made a snapshot has hard ones', async () => {
  disk.links = false
  const snapshot = await resolveModel('org/name')
  expect(readdirSync(snapshot).sort()).toEqual(Object.keys(files).sort())
  expect(await resolveModel('org/name')).toBe(snapshot)
})
