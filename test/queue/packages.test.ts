import { existsSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { folderOfFile, vicrop } from '../cli/vicrop.ts'

const root = folderOfFile()

const dataUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`

/** What is not installed is looked for where nothing is. */
const hooks = `const absent = ['bullmq', 'ioredis']
export const resolve = (name, context, next) =>
  next(name, absent.includes(name) ? { ...context, parentURL: 'file:///nowhere/at-all.js' } : context)`

const without = dataUrl(`import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hooks))})`)
const env = { NODE_OPTIONS: `--import=${without}` }

const message =
  'vicrop: --queue: the packages bullmq and ioredis are not here. Install them where vicrop is: npm install bullmq ioredis (-g if vicrop is a global package).\n'

describe('where bullmq and ioredis are not installed', () => {
  it('a queue says how to install them, before anything else', async () => {
    const out = join(root, 'queued')
    const queue = ['--queue', 'redis://127.0.0.1:1']
    expect(await vicrop(['bench', 'run', 'demo', '--out', out, ...queue], { env })).toEqual({
      status: 1,
      stdout: '',
      stderr: message,
    })
    expect(existsSync(out)).toBe(false)
    expect((await vicrop(['bench', 'worker', ...queue], { env })).stderr).toBe(message)
  })

  it('all else works', async () => {
    const out = mkdtempSync(join(root, 'out-'))
    expect(await vicrop(['bench', 'run', 'demo', '--limit', '1', '--out', out], { env })).toMatchObject({
      status: 0,
      stderr: '',
    })
    expect((await vicrop(['bench', 'worker', '--help'], { env })).status).toBe(0)
  })
})
