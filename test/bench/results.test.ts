import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { keysOf, questionsHash } from '../../src/bench/key-node.ts'
import type { Shard } from '../../src/bench/plan.ts'
import { openResults, readFailed, readRows, readRuns } from '../../src/bench/results-node.ts'
import type { Row } from '../../src/bench/row.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { failedNamed, keyNamed, question, rowNamed, runNamed } from './sample-row.ts'

/** What the mocked disk does to the next writes: gives a part of the bytes, then this error. */
const disk = vi.hoisted(() => ({ failure: null as string | null }))

vi.mock('node:fs/promises', async importActual => {
  const actual = await importActual<typeof import('node:fs/promises')>()
  const open: typeof actual.open = async (path, ...rest) => {
    const handle = await actual.open(path, ...rest)
    const write = handle.write.bind(handle) as (bytes: Uint8Array, from: number, length?: number) => unknown
    const failing = async (bytes: Uint8Array, from: number): Promise<unknown> => {
      if (disk.failure === null) return write(bytes, from)
      if (from > 0) throw Object.assign(new Error(disk.failure), { code: disk.failure, syscall: 'write' })
      return write(bytes, 0, 10)
    }
    return Object.assign(handle, { write: failing })
  }
  return { ...actual, open }
})

afterEach(() => {
  disk.failure = null
})

const all = async <T>(values: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = []
  for await (const value of values) found.push(value)
  return found
}

async function write(folder: string, rows: readonly Row[], shard: Shard | null = null): Promise<void> {
  const results = await openResults(folder, shard)
  await results.add(rows)
  await results.close()
}

describe('a results folder', () => {
  it('gives back what was written', async () => {
    const folder = join(temporaryFolder(), 'deep', 'er')
    const rows = [
      rowNamed('a'),
      rowNamed('b', { ratios: [1, null, 2.5] }),
      rowNamed('c', { crop: null, cropReason: 'no box', map: null, localisation: null }),
    ]
    const results = await openResults(folder, null)
    await results.describe(runNamed('r1'))
    await results.add(rows.slice(0, 1))
    await results.add(rows.slice(1))
    await results.setAside([failedNamed('d')])
    await results.close()
    expect(await all(readRows(folder))).toEqual(rows)
    expect(await readFailed(folder)).toEqual(new Map([[keyNamed('d'), failedNamed('d')]]))
    expect(await readRuns(folder)).toEqual(new Map([['r1', runNamed('r1')]]))
  })

  it('knows what is done, in the files of other shards too', async () => {
    const folder = temporaryFolder()
    await write(folder, [rowNamed('a')], { part: 1, of: 2 })
    await write(folder, [rowNamed('b', { ratios: [1] })], { part: 2, of: 2 })
    const results = await openResults(folder, null)
    await results.add([rowNamed('c')])
    await results.close()
    expect([...results.done]).toEqual([
      [keyNamed('a'), { hasRatios: false }],
      [keyNamed('b'), { hasRatios: true }],
      [keyNamed('c'), { hasRatios: false }],
    ])
  })

  it('gives each key once, the last of it', async () => {
    const folder = temporaryFolder()
    await write(folder, [rowNamed('a'), rowNamed('b'), rowNamed('a', { ratios: [3] })])
    await write(folder, [rowNamed('b', { answer: 'of the second file' })], { part: 1, of: 2 })
    const rows = await all(readRows(folder))
    // Files go by name: rows-1-of-2.jsonl is before rows.jsonl.
    expect(rows.map(({ key, ratios, answer }) => [key, ratios, answer])).toEqual([
      [keyNamed('b'), undefined, rowNamed('b').answer],
      [keyNamed('a'), [3], rowNamed('a').answer],
    ])
  })

  it('leaves what was answered in the end out of what failed', async () => {
    const folder = temporaryFolder()
    const results = await openResults(folder, null)
    await results.setAside([failedNamed('a', 'first'), failedNamed('b')])
    await results.setAside([failedNamed('a', 'again')])
    await results.add([rowNamed('b')])
    await results.close()
    expect([...(await readFailed(folder)).values()]).toEqual([failedNamed('a', 'again')])
  })

  it('can be read while somebody writes to it', async () => {
    const folder = temporaryFolder()
    const results = await openResults(folder, null)
    await results.add([rowNamed('a'), rowNamed('b')])
    const reading = readRows(folder)
    expect((await reading.next()).value).toEqual(rowNamed('a'))
    await results.add([rowNamed('c')])
    expect(await all(reading)).toEqual([rowNamed('b')])
    await results.close()
  })

  it('that is not there is named', async () => {
    await expect(all(readRows('/no/such'))).rejects.toThrow(
      '/no/such: no such folder. Name one that a run wrote to.',
    )
  })
})

describe('a line that was cut off', () => {
  const cut = JSON.stringify(rowNamed('cut')).slice(0, 100)

  it.each([
    ['after whole ones', [rowNamed('a'), rowNamed('b')]],
    ['alone', []],
  ])('%s is not read, and gives way to the next', async (_, rows) => {
    const folder = temporaryFolder()
    await write(folder, rows)
    appendFileSync(join(folder, 'rows.jsonl'), cut)
    expect(await all(readRows(folder))).toEqual(rows)
    await write(folder, [rowNamed('next')])
    const lines = [...rows, rowNamed('next')].map(row => `${JSON.stringify(row)}\n`)
    expect(readFileSync(join(folder, 'rows.jsonl'), 'utf8')).toBe(lines.join(''))
  })

  it('stays as it is as long as nothing is written', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'rows.jsonl'), 'notes of my own, without a line break')
    await (await openResults(folder, null)).close()
    expect(readFileSync(join(folder, 'rows.jsonl'), 'utf8')).toBe('notes of my own, without a line break')
  })

  it('may be longer than what is read at once', async () => {
    const folder = temporaryFolder()
    const long = rowNamed('long', { answer: 'é'.repeat(100_000) })
    await write(folder, [long])
    appendFileSync(join(folder, 'rows.jsonl'), 'x'.repeat(200_000))
    expect(await all(readRows(folder))).toEqual([long])
  })
})

describe('a broken line', () => {
  const good = `${JSON.stringify(rowNamed('a'))}\n`

  it.each([
    ['no JSON', Buffer.from('{"key":\n'), /is broken \(.*JSON.*\)/],
    ['a row that lacks something', Buffer.from('{"key":"a"}\n'), /is broken \("key" is not as expected/],
    ['an empty one', Buffer.from('\n'), /is broken/],
    ['no text', Buffer.from([0xff, 0xfe, 0x0a]), /is broken/],
    [
      'far too long',
      Buffer.from(`${' '.repeat(1 << 25)}\n`),
      /is broken \(it has more than 16777216 bytes\)/,
    ],
  ])('%s is named with its line, and nothing is changed', async (_, line, problem) => {
    const folder = temporaryFolder()
    const path = join(folder, 'rows.jsonl')
    const bytes = Buffer.concat([Buffer.from(good), line, Buffer.from(good), Buffer.from('{"cut')])
    writeFileSync(path, bytes)
    await expect(all(readRows(folder))).rejects.toThrow(`${path}: line 2 is broken`)
    await expect(openResults(folder, null)).rejects.toThrow(problem)
    await expect(openResults(folder, null)).rejects.toThrow(
      'Nothing was changed. Take the line out and run again: its question is asked anew.',
    )
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })

  it('of what failed is named too, and so is a run that is none', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'failed.jsonl'), '{}\n')
    await expect(readFailed(folder)).rejects.toThrow(`${folder}/failed.jsonl: line 1 is broken`)
    mkdirSync(join(folder, 'runs'))
    writeFileSync(join(folder, 'runs', 'a.json'), '{}')
    await expect(readRuns(folder)).rejects.toThrow(`${folder}/runs/a.json: does not say how a run was made`)
  })
})

describe('a file that is being written', () => {
  it('has one writer', async () => {
    const folder = temporaryFolder()
    const first = await openResults(folder, null)
    await expect(openResults(folder, null)).rejects.toThrow(
      `${folder}/rows.jsonl: another run is writing to it. Let it end, or name another folder by --out, or another part by --shard.`,
    )
    const shard = await openResults(folder, { part: 1, of: 2 })
    await shard.close()
    await first.close()
    await (await openResults(folder, null)).close()
  })

  it('is free again when its writer was killed', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'rows.jsonl')
    const appender = fileURLToPath(new URL('../../dist/bench/appender-node.js', import.meta.url))
    const program = `
      const { Appender } = await import(${JSON.stringify(appender)})
      const file = await Appender.open(${JSON.stringify(path)})
      await file.append([{ a: 1 }])
      console.log('open')
      setInterval(() => {}, 1000)`
    const writer = spawn(process.execPath, ['--input-type=module', '-e', program])
    await once(writer.stdout, 'data')
    await expect(openResults(folder, null)).rejects.toThrow('another run is writing to it')
    writer.kill('SIGKILL')
    await once(writer, 'close')
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n')
    writeFileSync(path, '')
    await write(folder, [rowNamed('a')])
    expect(await all(readRows(folder))).toEqual([rowNamed('a')])
  })

  it.each([
    ['ENOSPC', 'no space left (ENOSPC); what was written is kept: free some, and run again'],
    ['EDQUOT', 'no space left (EDQUOT); what was written is kept: free some, and run again'],
    ['EIO', 'cannot be written (EIO); allow it'],
  ])('is as it was before a write that failed half way: %s', async (code, problem) => {
    const folder = temporaryFolder()
    const path = join(folder, 'rows.jsonl')
    const results = await openResults(folder, null)
    await results.add([rowNamed('a')])
    const before = readFileSync(path, 'utf8')
    disk.failure = code
    await expect(results.add([rowNamed('b')])).rejects.toThrow(
      `${path}: ${problem}, or name another folder by --out.`,
    )
    expect(readFileSync(path, 'utf8')).toBe(before)
    expect(results.done.has(keyNamed('b'))).toBe(false)
    disk.failure = null
    await results.add([rowNamed('b')])
    await results.close()
    expect(await all(readRows(folder))).toEqual([rowNamed('a'), rowNamed('b')])
  })

  it('cannot be in a place that is no folder', async () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    await expect(openResults(file, null)).rejects.toThrow(
      `${file}: cannot be written (ENOTDIR); allow it, or name another folder by --out.`,
    )
    expect(existsSync(`${file}.lock`)).toBe(false)
  })
})

describe('a key', () => {
  const settings = { dtype: 'f32', prompt: 'plain', maxNewTokens: 20 } as const
  const parts = { benchmark: 'demo', question, model: keyNamed('model'), settings }
  const way = { method: 'rel-att', layers: [1] } as const

  it('is the same on every machine and in every version', () => {
    expect(keysOf(parts)(way)).toBe('761abe19ae1a0ed697837bfa14a1912ec2daa6023a7f648450b6cfaea5d1aac2')
    expect(questionsHash([question, { ...question, id: '8' }])).toBe(
      '06157a8b4e7f743a87424e0518a33e657e64923e58dceea00795153a8fe4b9a1',
    )
  })

  it('does not depend on the order in which something is said, nor on where the picture lies', () => {
    const image = { in: 'parquet', id: 'p', shard: 'a.parquet', row: 3 } as const
    const turned = Object.fromEntries(Object.entries({ ...question, image }).reverse()) as never
    expect(keysOf({ ...parts, question: turned })({ layers: [1], method: 'rel-att' })).toBe(
      keysOf(parts)(way),
    )
  })

  it('depends on all else', () => {
    const keys = [
      keysOf(parts)(way),
      keysOf(parts)({ method: 'rel-att' }),
      keysOf(parts)({ ...way, layers: [1, 2] }),
      keysOf({ ...parts, benchmark: 'gqa' })(way),
      keysOf({ ...parts, model: keyNamed('other') })(way),
      keysOf({ ...parts, settings: { ...settings, fit: 'pad' } })(way),
      ...[
        { id: '8' },
        { question: 'What?' },
        { mapQuestion: 'sign' },
        { boxes: [] },
        { isCounted: false },
      ].map(more => keysOf({ ...parts, question: { ...question, ...more } })(way)),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })
})
