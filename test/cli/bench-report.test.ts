import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { studies } from '../../src/bench/studies/registry.ts'
import { type Ended, folderOfFile, vicrop } from './vicrop.ts'

const root = folderOfFile()
const results = join(root, 'results')

const studiesOf = (...more: readonly string[]): Promise<Ended> =>
  vicrop(['bench', 'studies', 'demo', '--limit', '3', '--out', results, ...more])

let first: Ended
beforeAll(async () => {
  first = await studiesOf()
}, 60_000)

describe('vicrop bench studies', () => {
  it('asks all that the studies need, and reports', () => {
    expect(first).toEqual({
      status: 0,
      stderr: '',
      // The plain answer, three methods and the variant, two with all layers, and three crops without a map.
      stdout: `demo, demo  30 answers: 30 now, 0 before
answers in  ${results}
report in ${join(results, 'report.html')}, and as report.md and report.csv
`,
    })
    expect(readdirSync(results)).toEqual(expect.arrayContaining(['report.csv', 'report.html', 'report.md']))
    const page = readFileSync(join(results, 'report.html'), 'utf8')
    for (const name of ['size', 'attention', 'methods', 'ablations', 'overhead', 'localisation', 'controls'])
      expect(page).toContain(`<section id="${name}">`)
  })

  it('asks nothing twice, and reports on the studies named alone', async () => {
    const { status, stdout } = await studiesOf('--only', 'size,overhead')
    expect(status).toBe(0)
    expect(stdout).toContain('15 answers: 0 now, 15 before')
    const sections = readFileSync(join(results, 'report.md'), 'utf8').match(/^## .*/gm)
    expect(sections).toEqual(['## Size and the human crop', '## Time', '## How it was made'])
  })

  it('has another model answer with crops of the one that looks', async () => {
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ choices: [{ message: { content: 'red' } }] }))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
    const out = join(root, 'answered')
    const args = ['--only', 'answerer', '--answerer', url, '--answerer-model', 'big', '--out', out]
    try {
      const { status, stderr } = await vicrop(['bench', 'studies', 'demo', '--limit', '2', ...args])
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    } finally {
      server.close()
    }
    const report = readFileSync(join(out, 'report.md'), 'utf8')
    expect(report.match(/^\| (?:no crop|[a-z]+-[a-z]+), answered by big/gm)).toHaveLength(4)
  })

  it('lists the studies, when no benchmark is named', async () => {
    const { status, stdout } = await vicrop(['bench', 'studies'])
    expect(status).toBe(0)
    expect(stdout.match(/^\S+/gm)).toEqual(studies.map(({ name }) => name))
  })
})

describe.concurrent('vicrop bench report', () => {
  it('prints Markdown', async () => {
    const { status, stdout, stderr } = await vicrop(['bench', 'report', results])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^# Results of demo\n\ndemo \([0-9a-f]{8}\): 3 questions, exact match; /)
    expect(stdout).toMatch(/^\| no crop \| 3 \| \d+\.\d % \(\d+\.\d to \d+\.\d\) \|/m)
  })

  it('prints CSV, and JSON', async () => {
    const csv = await vicrop(['bench', 'report', results, '--format', 'csv'])
    expect(csv.stdout).toMatch(/^section,table,benchmark,questions,/)
    const json = await vicrop(['bench', 'report', results, '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({ title: 'Results of demo', runs: [{ versions: {} }] })
  })

  it('writes a page, with pictures', async () => {
    const out = join(root, 'page.html')
    const { status, stdout } = await vicrop(['bench', 'report', results, '--out', out, '--gallery', '1'])
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
    const page = readFileSync(out, 'utf8')
    expect(page).toMatch(/^<!doctype html>/)
    expect(page).toContain('src="data:image/webp;base64,')
    expect(page).not.toMatch(/(?:src|href)="(?!data:|#)/)
  })

  const empty = join(root, 'empty')
  mkdirSync(join(empty, 'runs'), { recursive: true })
  it.each([
    [[empty], 1, `${empty}: has no answers to report. Run a benchmark into it.`],
    [
      [results, '--scorer', 'code'],
      1,
      `${results}: has no answers to report. demo: the paper's code has no score for it, so it is left out.`,
    ],
    [
      [results, '--out', '/no/such/folder/report.md'],
      2,
      '/no/such/folder/report.md: cannot be written (ENOENT). Does the folder exist, and is there space?',
    ],
    [
      [results, '--gallery', 'many'],
      2,
      `option '--gallery <n>' argument 'many' is invalid. "many" is not a number from 1 on.`,
    ],
  ])('%j is refused in one line', async (args, status, message) => {
    const ended = await vicrop(['bench', 'report', ...args])
    expect(ended).toEqual({ status, stdout: '', stderr: `vicrop: ${message}\n` })
  })
})

describe.concurrent('studies that cannot be are refused in one line', () => {
  it.each([
    [['demo'], '--out: answers and report go somewhere. Name a folder: --out FOLDER.'],
    [
      ['demo', '--only', 'sizes', '--out', 'x'],
      '--only: study "sizes" is not known; known: size, attention, methods, ablations, overhead, localisation, controls, answerer, settings',
    ],
  ])('%j', async (args, message) => {
    const ended = await vicrop(['bench', 'studies', ...args])
    expect(ended).toEqual({ status: 2, stdout: '', stderr: `vicrop: ${message}\n` })
  })
})
