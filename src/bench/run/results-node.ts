import { mkdir, readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import type { z } from 'zod'
import { systemCode, unreadable } from '../../weights/file-node.ts'
import { absent } from '../read/files-node.ts'
import { Appender, unwritable } from './appender-node.ts'
import { readLines } from './lines-node.ts'
import type { Shard } from './plan.ts'
import type { FailedRow, Provenance, Row } from './row.ts'
import { failedSchema, provenanceSchema, rowSchema } from './row-schema.ts'

// A results folder: rows.jsonl and failed.jsonl, or rows-1-of-4.jsonl and the like, and for each run runs/ID.json.

const ending = '(?:-\\d+-of-\\d+)?\\.jsonl'
const rowFiles = new RegExp(`^rows${ending}$`)
const failedFiles = new RegExp(`^failed${ending}$`)

/**
 * The rows of a results folder, each key once: where two files have the same, as files that were put together may, the last
 * one. Rows may be added meanwhile; of those of them that are read, each is whole.
 *
 * Files are read twice, and held in memory never.
 *
 * @throws an error of one sentence if there is no such folder, or one that names file and line of what is no row
 */
export async function* readRows(folder: string): AsyncGenerator<Row> {
  const files = await filesIn(folder, rowFiles)
  const last = new Map<string, string>()
  for await (const { row, place } of placedRows(files)) last.set(row.key, place)
  for await (const { row, place } of placedRows(files)) if (last.get(row.key) === place) yield row
}

/** The questions that could not be answered so far, by the key of the row that there would be. */
export async function readFailed(folder: string): Promise<Map<string, FailedRow>> {
  const failed = new Map<string, FailedRow>()
  for (const file of await filesIn(folder, failedFiles))
    for await (const row of readLines(file, parser(failedSchema))) failed.set(row.key, row)
  if (failed.size > 0)
    for await (const { row } of placedRows(await filesIn(folder, rowFiles))) failed.delete(row.key)
  return failed
}

/** How the rows of a folder were made, by the `run` that they name. */
export async function readRuns(folder: string): Promise<Map<string, Provenance>> {
  const files = await filesIn(join(folder, 'runs'), /\.json$/)
  const runs = await Promise.all(files.map(readRun))
  return new Map(runs.map(run => [run.id, run]))
}

async function readRun(path: string): Promise<Provenance> {
  const text = await readFile(path, 'utf8').catch(error => {
    throw unreadable(path, error)
  })
  try {
    return parser(provenanceSchema)(text)
  } catch (error) {
    throw new Error(
      `${path}: does not say how a run was made (${(error as Error).message}). Take it out of the folder.`,
    )
  }
}

/** Rows with where each is: files may grow between two readings, and their rows stay in place. */
async function* placedRows(files: readonly string[]): AsyncGenerator<{ row: Row; place: string }> {
  for (const [nth, file] of files.entries()) {
    let line = 0
    for await (const row of readLines(file, parser(rowSchema))) yield { row, place: `${nth}:${line++}` }
  }
}

async function filesIn(folder: string, name: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch(error => {
    if (absent(error) === null) throw new Error(`${folder}: no such folder. Name one that a run wrote to.`)
    throw unreadable(folder, error)
  })
  return names
    .filter(found => name.test(found))
    .toSorted()
    .map(found => join(folder, found))
}

const parser =
  <T>(schema: z.ZodType<T>): ((text: string) => T) =>
  text => {
    const { success, data, error } = schema.safeParse(JSON.parse(text))
    if (success) return data
    const issue = error.issues[0]
    throw new Error(`"${issue?.path.join('.')}" is not as expected: ${issue?.message}`)
  }

/** A results folder that is written to. */
export interface Results {
  /** The keys of the rows that are there, in whichever file, and whether they have ratios. Grows with what is added. */
  readonly done: ReadonlyMap<string, { readonly hasRatios: boolean }>
  add(rows: readonly Row[]): Promise<void>
  setAside(failed: readonly FailedRow[]): Promise<void>
  /** Says how rows are made, before the first of them. */
  describe(run: Provenance): Promise<void>
  close(): Promise<void>
}

/** With those that it is in. Node's own way to do so says ENOENT of a disk that is read only, and never ends in `/proc`. */
async function makeFolder(path: string): Promise<void> {
  const make = (): Promise<void> =>
    mkdir(path).catch(error => {
      if (systemCode(error) !== 'EEXIST') throw error
    })
  await make().catch(async error => {
    if (systemCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await make()
  })
}

/**
 * Opens a results folder, or makes it. Files of other shards, which others may be writing to, are read and left alone.
 *
 * @throws an error of one sentence if it cannot be written, if another run writes to the same file, or if a line is no row
 */
export async function openResults(folder: string, shard: Shard | null): Promise<Results> {
  await makeFolder(join(folder, 'runs')).catch(error => {
    throw unwritable(folder, error)
  })
  const name = (what: string): string =>
    join(folder, `${what}${shard === null ? '' : `-${shard.part}-of-${shard.of}`}.jsonl`)
  const rows = await Appender.open(name('rows'))
  let failed: Promise<Appender> | null = null
  const done = new Map<string, { hasRatios: boolean }>()
  const note = (row: Row): unknown => done.set(row.key, { hasRatios: row.ratios !== undefined })
  const close = async (): Promise<void> => {
    await rows.close()
    await (await failed)?.close()
  }
  try {
    for await (const { row } of placedRows(await filesIn(folder, rowFiles))) note(row)
  } catch (error) {
    await close()
    throw error
  }
  return {
    done,
    async add(added) {
      if (added.length > 0) await rows.append(added)
      added.forEach(note)
    },
    async setAside(added) {
      if (added.length === 0) return
      failed ??= Appender.open(name('failed'))
      await (await failed).append(added)
    },
    async describe(run) {
      const path = join(folder, 'runs', `${run.id}.json`)
      await writeFileAtomic(path, `${JSON.stringify(run, null, 2)}\n`).catch(error => {
        throw unwritable(path, error)
      })
    },
    close,
  }
}
