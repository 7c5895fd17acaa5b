import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { platform } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { randomNumbers } from '../../src/bench/random.ts'
import type { Row } from '../../src/bench/run/row.ts'
import { samples } from '../bench/samples/index.ts'
import { modelPath } from '../models/fixtures.ts'
import { type Ended, folderOfFile, type Surroundings, vicrop } from './vicrop.ts'

const root = folderOfFile()
const benchmark = new URL('../../demo/benchmark/', import.meta.url)
const asked: { picture: string; question: string }[] = JSON.parse(
  readFileSync(new URL('questions.json', benchmark), 'utf8'),
)

const newFolder = (): string => mkdtempSync(join(root, 'out-'))

const run = (out: string, args: readonly string[], surroundings: Surroundings = {}): Promise<Ended> =>
  vicrop(['bench', 'run', 'demo', '--out', out, ...args], surroundings)

const linesOf = (out: string, file = 'rows.jsonl'): string[] =>
  readFileSync(join(out, file), 'utf8').trimEnd().split('\n')

const rowsOf = (out: string, file = 'rows.jsonl'): Row[] => linesOf(out, file).map(line => JSON.parse(line))

/** What has to be the same whenever and wherever a question is asked. */
const lasting = (rows: readonly Row[]): object[] =>
  rows.map(({ run: _, timings: __, ...row }) => row).sort((a, b) => (a.key < b.key ? -1 : 1))

/** A data folder with the first pictures of the demo benchmark and their questions. */
function dataWith(pictures: number, more: readonly object[] = []): string {
  const data = mkdtempSync(join(root, 'data-'))
  const names = [...new Set(asked.map(({ picture }) => picture))].slice(0, pictures)
  mkdirSync(join(data, 'demo'))
  for (const name of names) copyFileSync(new URL(name, benchmark), join(data, 'demo', name))
  const questions = names.flatMap(name => asked.filter(({ picture }) => picture === name).slice(0, 2))
  writeFileSync(join(data, 'demo', 'questions.json'), JSON.stringify([...questions, ...more]))
  return data
}

/** A file system of its own, or null where none can be mounted. */
function mounted(options: string): string | null {
  const folder = mkdtempSync(join(root, 'mounted-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  mounts.push(folder)
  return folder
}

const mounts: string[] = []
afterAll(() => {
  for (const folder of mounts) execFileSync('umount', [folder])
})

describe('vicrop bench run', () => {
  it('writes a row for each question and way, and says how it was made', async () => {
    const out = newFolder()
    const { status, stdout, stderr } = await run(out, ['--limit', '3', '--methods', 'none,rel-att,random'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toBe(`demo, demo  9 answers: 9 now, 0 before\nanswers in  ${out}\n`)
    const rows = rowsOf(out)
    expect(rows.map(({ question, way }) => [question.question, way])).toEqual(
      asked.slice(0, 3).flatMap(({ question }) => [
        [question, { method: 'none' }],
        [question, { method: 'rel-att' }],
        [question, { method: 'random', seed: 1 }],
      ]),
    )
    const [file] = readdirSync(join(out, 'runs'))
    const described = JSON.parse(readFileSync(join(out, 'runs', file as string), 'utf8'))
    expect(new Set(rows.map(row => row.run))).toEqual(new Set([described.id]))
    expect(described).toMatchObject({
      machine: { device: 'cpu' },
      model: { name: 'demo', modelType: 'llava', inputSize: 80, layerCount: 4, layers: [1] },
      settings: { dtype: 'f32', prompt: 'plain', maxNewTokens: 20 },
      benchmark: { name: 'demo', form: 'published', questionCount: asked.length },
    })
  })

  it('asks what was not asked yet: more questions, more ways, ratios', async () => {
    const out = newFolder()
    const runs = async (...args: string[]) => JSON.parse((await run(out, [...args, '--json'])).stdout).runs[0]
    expect(await runs('--limit', '2')).toMatchObject({ total: 4, before: 0, answered: 4 })
    expect(await runs('--limit', '4', '--methods', 'none,human')).toMatchObject({
      total: 8,
      before: 2,
      answered: 6,
    })
    const first = linesOf(out)
    expect(await runs('--limit', '4', '--methods', 'none,human')).toMatchObject({ before: 8, answered: 0 })
    expect(linesOf(out)).toEqual(first)
    expect(await runs('--limit', '4', '--methods', 'none', '--dtype', 'q8')).toMatchObject({
      before: 0,
      answered: 4,
    })
    const withRatios = ['--limit', '2', '--methods', 'none', '--ratios']
    expect(await runs(...withRatios)).toMatchObject({ before: 0, answered: 2 })
    expect(await runs(...withRatios)).toMatchObject({ before: 2, answered: 0 })
    expect(rowsOf(out).at(-1)?.ratios).toHaveLength(4)
  })

  it('goes through several models and benchmarks', async () => {
    const out = newFolder()
    const args = [
      '--model',
      modelPath('base'),
      '--model',
      modelPath('half'),
      '--limit',
      '1',
      '--methods',
      'none',
    ]
    const { stdout } = await run(out, args)
    // In as many lines as long paths take.
    expect(stdout.replaceAll(/\s+/g, ' ')).toMatch(
      /base\/model 1 answers: 1 now, 0 before .*half\/model 1 answers: 1 now, 0 before /,
    )
    expect(new Set(rowsOf(out).map(({ key }) => key)).size).toBe(2)
    expect(readdirSync(join(out, 'runs'))).toHaveLength(2)
  })

  it('asks nothing again of a benchmark that has come in its other form', async () => {
    const out = newFolder()
    const [published, parquet] = ['published', 'parquet'].map(form => mkdtempSync(join(root, form)))
    for (const { asPublished, asParquet } of [samples.textvqa, samples.pope]) {
      asPublished(published as string)
      asParquet(parquet as string)
    }
    const runs = async (data: string) => {
      const args = ['bench', 'run', 'textvqa', 'pope', '--data', data, '--out', out, '--json']
      return JSON.parse((await vicrop(args)).stdout).runs
    }
    const first = await runs(parquet as string)
    expect(first).toMatchObject([
      { benchmark: 'textvqa', total: 6, answered: 6 },
      { benchmark: 'pope', before: 0, failed: 0 },
    ])
    expect(rowsOf(out)[0]).toMatchObject({
      image: { width: 8, height: 6 },
      question: { image: { in: 'parquet' } },
    })
    expect(await runs(published as string)).toMatchObject([
      { total: 6, before: 6, answered: 0 },
      { total: first[1].total, before: first[1].total, answered: 0 },
    ])
  })

  it('in shards gives the rows of the whole, each once', async () => {
    const [whole, parts] = [newFolder(), newFolder()]
    await run(whole, ['--limit', '20', '--methods', 'none,random'])
    await Promise.all(
      ['1/2', '2/2'].map(shard =>
        run(parts, ['--limit', '20', '--methods', 'none,random', '--shard', shard]),
      ),
    )
    const rows = ['rows-1-of-2.jsonl', 'rows-2-of-2.jsonl'].map(file => rowsOf(parts, file))
    expect(rows.every(part => part.length > 0)).toBe(true)
    expect(lasting(rows.flat())).toEqual(lasting(rowsOf(whole)))
    const { stdout } = await run(parts, ['--limit', '20', '--methods', 'none,random'])
    expect(stdout).toContain('40 answers: 0 now, 40 before')
  })
})

describe('a run that is stopped', () => {
  const args = ['--limit', '60', '--methods', 'none,rel-att,pure-grad,random']

  it('by SIGKILL, 20 times, has in the end the rows of one that nobody disturbed', async () => {
    const [whole, killed] = [newFolder(), newFolder()]
    await run(whole, args)
    const random = randomNumbers(1)
    const path = join(killed, 'rows.jsonl')
    const size = (): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0
    for (let kill = 0; kill < 20; kill++) {
      const end = new AbortController()
      const before = size()
      const running = run(killed, args, { killed: end.signal })
      // In the middle of a question, of a row, or before the first one is there.
      const isEarly = kill % 5 === 0
      while (!isEarly && size() === before) await sleep(1)
      await sleep(random() * (isEarly ? 600 : 60))
      end.abort()
      expect((await running).status).toBe('SIGKILL')
    }
    const { before, answered } = JSON.parse((await run(killed, [...args, '--json'])).stdout).runs[0]
    expect(before).toBeGreaterThan(0)
    expect(answered).toBeGreaterThan(0)
    const lines = linesOf(killed)
    expect(lines).toHaveLength(240)
    expect(new Set(lines.map(line => JSON.parse(line).key)).size).toBe(240)
    expect(lasting(rowsOf(killed))).toEqual(lasting(rowsOf(whole)))
  }, 300_000)

  it('by Ctrl-C keeps what is done, says so, and ends with 130', async () => {
    const out = newFolder()
    const stop = new AbortController()
    const running = run(out, args, { interrupted: stop.signal })
    while (!existsSync(join(out, 'rows.jsonl')) || linesOf(out)[0] === '') await sleep(5)
    stop.abort()
    expect(await running).toEqual({
      status: 130,
      stdout: '',
      stderr: `vicrop: stopped. Run the same again to go on in ${out}.\n`,
    })
    expect(rowsOf(out).length % 4).toBe(0)
  })
})

describe('what stands in the way', () => {
  it('a question that cannot be asked is set aside, and tried again', async () => {
    const long = { ...asked[0], picture: '001.webp', question: 'why '.repeat(3000) }
    const data = dataWith(3, [long])
    truncateSync(join(data, 'demo', '000.webp'), 2000)
    writeFileSync(join(data, 'demo', '002.webp'), '')
    const out = newFolder()
    const args = ['--data', data, '--methods', 'none,centre']
    const { status, stdout } = await run(out, args)
    expect(status).toBe(1)
    expect(stdout.replaceAll(/\s+/g, ' ')).toBe(
      `demo, demo 14 answers: 4 now, 0 before, 10 set aside set aside 10, each with its error in ${out}; run again to try them again answers in ${out} `,
    )
    const errors = linesOf(out, 'failed.jsonl').map(line => JSON.parse(line).error)
    expect(errors).toHaveLength(10)
    expect(errors[0]).toMatch(/^picture 000.webp: not a picture that can be read/)
    expect(errors[4]).toMatch(/^prompt: \d+ positions, the model has room for 1024. Ask a shorter question.$/)
    expect(errors[6]).toBe(`demo: picture 002.webp is not there, or empty. Looked in demo below ${data}.`)
    copyFileSync(new URL('000.webp', benchmark), join(data, 'demo', '000.webp'))
    const again = await run(out, [...args, '--json'])
    expect(JSON.parse(again.stdout)).toEqual({
      out,
      failed: 6,
      runs: [{ model: 'demo', benchmark: 'demo', total: 14, before: 4, answered: 4, failed: 6 }],
    })
  })

  it('two runs on one folder: the second ends, the first goes on', async () => {
    const out = newFolder()
    const args = ['--limit', '30']
    const first = run(out, args)
    while (!existsSync(join(out, 'rows.jsonl')) || linesOf(out)[0] === '') await sleep(5)
    expect(await run(out, args)).toEqual({
      status: 1,
      stdout: '',
      stderr: `vicrop: ${out}/rows.jsonl: another run is writing to it. Let it end, or name another folder by --out, or another part by --shard.\n`,
    })
    expect((await first).status).toBe(0)
    expect(linesOf(out)).toHaveLength(60)
  })

  it('a broken line is named, and nothing is changed', async () => {
    const out = newFolder()
    await run(out, ['--limit', '2'])
    const path = join(out, 'rows.jsonl')
    const [first, ...others] = linesOf(out)
    const broken = [first, 'not a row', ...others, ''].join('\n')
    writeFileSync(path, broken)
    const { status, stderr } = await run(out, ['--limit', '3'])
    expect(status).toBe(1)
    expect(stderr).toMatch(
      new RegExp(
        `^vicrop: ${path}: line 2 is broken \\(.*\\). Nothing was changed. Take the line out and run again`,
      ),
    )
    expect(readFileSync(path, 'utf8')).toBe(broken)
    writeFileSync(path, [first, ...others, ''].join('\n'))
    expect((await run(out, ['--limit', '3'])).stdout).toContain('6 answers: 2 now, 4 before')
  })

  it('a full disk: what was written is kept, and goes on when there is room', async context => {
    const disk = mounted('size=64k')
    if (disk === null) return context.skip('no file system can be mounted here')
    const out = join(disk, 'out')
    const { status, stderr } = await run(out, ['--limit', '60'])
    expect(status).toBe(1)
    expect(stderr).toBe(
      `vicrop: ${out}/rows.jsonl: no space left (ENOSPC); what was written is kept: free some, and run again, or name another folder by --out.\n`,
    )
    const before = linesOf(out)
    expect(before.length).toBeGreaterThan(10)
    expect(readFileSync(join(out, 'rows.jsonl'), 'utf8')).toMatch(/\n$/)
    execFileSync('mount', ['-o', 'remount,size=4m', disk])
    expect((await run(out, ['--limit', '60'])).status).toBe(0)
    expect(linesOf(out).slice(0, before.length)).toEqual(before)
    expect(new Set(rowsOf(out).map(({ key }) => key)).size).toBe(120)
  })

  it('a folder that cannot be written', async context => {
    const disk = mounted('size=1m')
    if (disk === null) return context.skip('no file system can be mounted here')
    await run(disk, ['--limit', '1'])
    execFileSync('mount', ['-o', 'remount,ro', disk])
    expect(await run(disk, ['--limit', '2'])).toEqual({
      status: 1,
      stdout: '',
      stderr: `vicrop: ${disk}/rows.jsonl: cannot be written (EROFS); allow it, or name another folder by --out.\n`,
    })
    expect(linesOf(disk)).toHaveLength(2)
    const inside = join(disk, 'new', 'folder')
    expect(await run(inside, ['--limit', '1'])).toEqual({
      status: 1,
      stdout: '',
      stderr: `vicrop: ${inside}: cannot be written (EROFS); allow it, or name another folder by --out.\n`,
    })
  })

  it.skipIf(platform() !== 'linux')('a folder where none can be made', async () => {
    expect((await run('/proc/new/folder', ['--limit', '1'])).stderr).toBe(
      'vicrop: /proc/new/folder: cannot be written (ENOENT); allow it, or name another folder by --out.\n',
    )
  })

  it('a file where the folder should be', async () => {
    const file = join(root, 'a-file')
    writeFileSync(file, '')
    for (const out of [file, join(file, 'folder')])
      expect((await run(out, ['--limit', '1'])).stderr).toBe(
        `vicrop: ${out}: cannot be written (ENOTDIR); allow it, or name another folder by --out.\n`,
      )
  })

  it.each([
    [['demo'], "required option '--out <folder>' not specified"],
    [['--out', 'x'], "missing required argument 'name'"],
    [['gpa', '--out', 'x'], 'benchmark "gpa" is not known; known: textvqa, '],
    [['gqa', '--out', 'x'], 'gqa: no folder to look in. Name the one with a folder for each benchmark'],
    [
      ['demo', '--out', 'x', '--methods', 'none,all'],
      `option '--methods <list>' argument 'none,all' is invalid. method "all" is not available; available: none, rel-att, grad-att, pure-grad, human, random, centre`,
    ],
    [['demo', '--out', 'x', '--shard', '3/2'], '"3/2" is no part of a whole. Give one such as 1/4.'],
    [['demo', '--out', 'x', '--limit', '0'], '"0" is not a number from 1 on.'],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await vicrop(['bench', 'run', ...args], { cwd: root })
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(existsSync(join(root, 'x'))).toBe(false)
  })

  it.each([
    [['--layers', '4'], '--layers 4: this model has layers 0 to 3. Name others, or leave them out.'],
    [
      ['--connector-layers', 'all'],
      '--connector-layers all: this model has none that attend to the picture. Name others, or leave them out.',
    ],
    [
      ['--max-pixels', '1000'],
      'max pixels 1000: this model gives every picture the same number. Leave them out.',
    ],
    [['--model', '/no/such'], '/no/such'],
  ])('of the model: %j', async (args, message) => {
    const { status, stdout, stderr } = await run(newFolder(), args)
    expect(status).not.toBe(0)
    expect(stdout).toBe('')
    expect(stderr).toContain(message)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})
