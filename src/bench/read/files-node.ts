import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode, unreadable } from '../../weights/file-node.ts'
import type { Benchmark, FileContent, PublishedFile, Shards } from '../benchmark.ts'
import { stem } from '../benchmarks/entries.ts'

// Which of a benchmark's files are there. Names in results are below the data folder, and with "/".

/** The longest text that JavaScript can hold; the largest file here, VQAv2's annotations, has a third of it. */
const maxJsonBytes = 2 ** 29 - 25

/** How far below a benchmark's folder Parquet files are looked for: the hub's own depth and two more. */
const maxDepth = 4

export interface OnDisk {
  /** In which form it is there; null if in none. */
  readonly form: 'published' | 'parquet' | null
  /** What was found, by role; a form that is incomplete has its part here too. */
  readonly published: ReadonlyMap<string, string>
  readonly shards: readonly string[]
  readonly imageShards: readonly string[]
  readonly boxShards: readonly string[]
  /** What is not there and is needed, each as its owners call it and where it would belong. */
  readonly missing: readonly string[]
  /** The same of boxes that are published apart. */
  readonly missingBoxes: readonly string[]
}

/** Looks for a benchmark's files. Its publishers' own are taken if all are there, otherwise Parquet. */
export async function locate(benchmark: Benchmark, data: string): Promise<OnDisk> {
  const { folder, published, parquet, boxTable } = benchmark
  const found = await locatePublished(published.files, data, folder)
  const missingFiles = published.files
    .filter(({ role, isNeeded }) => isNeeded && !found.has(role))
    .map(({ names }) => `${folder}/${names[0]}`)
  const below = parquet === null ? [] : await parquetFiles(data, folder)
  const choose = (of: Shards | null | undefined): Chosen => (of ? chooseShards(below, of, folder) : noShards)
  const [shards, imageShards] = [choose(parquet?.shards), choose(parquet?.imageShards)]
  const missingShards = [...shards.missing, ...imageShards.missing]
  const boxShards = boxTable === undefined ? noShards : await locateBoxes(boxTable, data, folder)
  const form = missingFiles.length === 0 ? 'published' : shards.files.length > 0 ? 'parquet' : null
  const missing = {
    published: [],
    parquet: missingShards,
    // Who has begun with the one form has no use for the other.
    none: found.size > 0 ? missingFiles : [...missingFiles, ...missingShards],
  }
  return {
    form,
    published: found,
    shards: shards.files,
    imageShards: imageShards.files,
    boxShards: boxShards.files,
    missing: missing[form ?? 'none'],
    missingBoxes: boxShards.missing,
  }
}

async function locatePublished(
  files: readonly PublishedFile[],
  data: string,
  folder: string,
): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const { role, names, format } of files) {
    for (const name of names) {
      const file = await stat(join(data, folder, name)).catch(absent)
      const isRight = format === 'folder' ? file?.isDirectory() : file?.isFile()
      if (!isRight) continue
      found.set(role, `${folder}/${name}`)
      break
    }
  }
  return found
}

interface Chosen {
  readonly files: readonly string[]
  readonly missing: readonly string[]
}

const noShards: Chosen = { files: [], missing: [] }

/** The shards of a split, in order, and those that their names say are missing. */
function chooseShards(below: readonly string[], { split, config }: Shards, folder: string): Chosen {
  const inConfig = below.filter(file => config === null || file.split('/').includes(config))
  const named = new RegExp(`(?:^|/)${split}-(\\d{5})-of-(\\d{5})(?:-[0-9a-f]+)?\\.parquet$`)
  const converted = new RegExp(`(?:^|/)${split}/\\d{4}\\.parquet$`)
  const files = inConfig.filter(file => named.test(file) || converted.test(file)).toSorted()
  const place = [folder, ...(config === null ? [] : [config])].join('/')
  if (files.length === 0) return { files, missing: [`${place}/**/${split}-*.parquet`] }
  const numbers = files.flatMap(file => {
    const [, shard, count] = named.exec(file) ?? []
    return shard === undefined ? [] : [{ shard: Number(shard), count: Number(count) }]
  })
  const count = Math.max(0, ...numbers.map(number => number.count))
  const there = new Set(numbers.map(({ shard }) => shard))
  const five = (value: number): string => String(value).padStart(5, '0')
  const missing = Array.from({ length: count }, (_, shard) => shard)
    .filter(shard => !there.has(shard))
    .map(shard => `${place}/**/${split}-${five(shard)}-of-${five(count)}*.parquet`)
  return { files, missing }
}

async function locateBoxes(
  { folders, shards }: NonNullable<Benchmark['boxTable']>,
  data: string,
  folder: string,
): Promise<Chosen> {
  for (const place of [...folders, ...folders.map(name => `${folder}/${name}`)]) {
    const chosen = chooseShards(await parquetFiles(data, place), shards, place)
    if (chosen.files.length > 0) return chosen
  }
  return { files: [], missing: [`${folders[0]}/**/${shards.split}-*.parquet`] }
}

/** Every Parquet file below a folder. */
async function parquetFiles(data: string, folder: string, depth = 0): Promise<string[]> {
  const entries = await readdir(join(data, folder), { withFileTypes: true }).catch(
    error => absent(error) ?? [],
  )
  const files = entries.filter(({ name }) => name.endsWith('.parquet')).map(({ name }) => `${folder}/${name}`)
  if (depth === maxDepth) return files
  // A link may lead to a folder; one to a file has nothing below it.
  const folders = entries.filter(
    entry => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith('.'),
  )
  const deeper = await Promise.all(
    folders.map(({ name }) => parquetFiles(data, `${folder}/${name}`, depth + 1)),
  )
  return [...files, ...deeper.flat()]
}

/** What is not there is not there; what cannot be looked at is an error. */
export function absent(error: unknown): null {
  if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(systemCode(error))) return null
  throw error
}

/** Reads a published file. @throws an error of one sentence that names it */
export async function readPublished(
  data: string,
  file: string,
  format: PublishedFile['format'],
): Promise<FileContent> {
  if (format !== 'folder') return { file, value: await readJson(join(data, file), file, format) }
  const names = (await readdir(join(data, file))).filter(name => name.endsWith('.json')).toSorted()
  const value: Record<string, unknown> = Object.create(null)
  for (const name of names)
    value[stem(name)] = await readJson(join(data, file, name), `${file}/${name}`, 'json')
  return { file, value }
}

async function readJson(path: string, name: string, format: 'json' | 'lines'): Promise<unknown> {
  const fail = (error: unknown): never => {
    throw unreadable(name, error)
  }
  const { size } = await stat(path).catch(fail)
  if (size > maxJsonBytes)
    throw new Error(`${name}: has ${size} bytes, at most ${maxJsonBytes} are read. Is it the right file?`)
  const text = (await readFile(path, 'utf8').catch(fail)).replace(/^\ufeff/, '')
  return format === 'json' ? parse(text, name) : parseLines(text, name)
}

function parseLines(text: string, name: string): unknown[] {
  return text
    .split('\n')
    .map((line, i) => ({ line, where: `${name}: line ${i + 1}` }))
    .filter(({ line }) => line.trim() !== '')
    .map(({ line, where }) => parse(line, where))
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`${where}: is not JSON (${(error as Error).message}). Download it again.`)
  }
}
