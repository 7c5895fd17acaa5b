import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

const programs = readdirSync(`${root}examples`).filter(name => name.endsWith('.js'))

it.each(programs)('examples/%s runs as it stands', async name => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [`examples/${name}`], { cwd: root })
  expect(stderr).toBe('')
  expect(stdout).not.toBe('')
})
