import { execFile, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { serve } from './server/running.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = (program: string, args: readonly string[]) => promisify(execFile)(program, args, { cwd: root })

const programs = readdirSync(`${root}examples`).filter(name => name.endsWith('.js'))

it.each(programs)('examples/%s runs as it stands', async name => {
  const { stdout, stderr } = await run(process.execPath, [`examples/${name}`])
  expect(stderr).toBe('')
  expect(stdout).not.toBe('')
})

const hasCurl = spawnSync('curl', ['--version']).status === 0

it.skipIf(!hasCurl)('examples/curl.sh asks a running server (needs curl)', async () => {
  const { url } = await serve()
  const { stdout } = await run('sh', ['examples/curl.sh', url])
  expect(JSON.parse(stdout)).toMatchObject({
    choices: [{ message: { content: expect.any(String) } }],
    vicrop: { method: 'rel-att', crop: expect.any(Object) },
  })
})
