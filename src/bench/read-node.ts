import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { unreadable } from '../weights/file-node.ts'
import type { Benchmark, Entry, Read } from './benchmark.ts'
import { collector } from './entries.ts'
import { absent, locate, type OnDisk, readPublished } from './files-node.ts'
import type { ImageReference, Problem, Question } from './question.ts'
import { Shelf } from './shelf-node.ts'

/** A benchmark whose questions have been read, and whose pictures can be. */
export interface OpenBenchmark {
  readonly benchmark: Benchmark
  readonly onDisk: OnDisk
  /** Those to be asked, in the order of the files. */
  readonly questions: readonly Question[]
  /** How many there were before a sample was taken. */
  readonly questionCount: number
  readonly problems: readonly Problem[]
  /**
   * The bytes of a picture's file. Of Parquet, the group of rows read last is kept, so ask in the order of the questions.
   *
   * @throws an error of one sentence that names the picture, if it is not there
   */
  readonly readImage: (image: ImageReference) => Promise<Uint8Array>
  /** Looks for every picture. */
  readonly findImages: () => Promise<ImagesFound>
}

export interface ImagesFound {
  /** How many different pictures are there. */
  readonly found: number
  /** The others, as their owners call them. */
  readonly missing: readonly string[]
}

/**
 * Reads a benchmark's questions.
 *
 * @param data the folder with a folder for each benchmark
 * @throws an error of one sentence, if its files are not there or cannot be read
 */
export async function openBenchmark(benchmark: Benchmark, data: string): Promise<OpenBenchmark> {
  const onDisk = await locate(benchmark, data)
  if (onDisk.form === null) {
    throw new Error(
      `${benchmark.name}: is not below ${data}: no ${onDisk.missing.join(', no ')}. "vicrop bench list ${benchmark.name}" says where to get it.`,
    )
  }
  const shelf = new Shelf(data)
  const read =
    onDisk.form === 'published'
      ? await readFiles(benchmark, onDisk, data)
      : await readShards(benchmark, onDisk, shelf)
  const { questions, problems } = await withBoxes(benchmark, onDisk, shelf, read)
  const folders = benchmark.published.imageFolders.map(folder =>
    folder.startsWith('/') ? folder.slice(1) : [benchmark.folder, folder].filter(Boolean).join('/'),
  )
  const asked = benchmark.sample?.(questions) ?? questions
  return {
    benchmark,
    onDisk,
    questions: asked,
    questionCount: questions.length,
    problems,
    readImage: image =>
      image.in === 'parquet' ? shelf.readImage(image) : readFileOf(image, folders, data, benchmark.name),
    findImages: () => findImages(asked, folders, data, shelf),
  }
}

async function readFiles({ published }: Benchmark, onDisk: OnDisk, data: string): Promise<Read> {
  const contents = await Promise.all(
    published.files.map(async ({ role, format }) => {
      const file = onDisk.published.get(role)
      return [role, file === undefined ? undefined : await readPublished(data, file, format)] as const
    }),
  )
  return published.read(Object.fromEntries(contents))
}

async function readShards(
  { parquet }: Benchmark,
  { shards, imageShards }: OnDisk,
  shelf: Shelf,
): Promise<Read> {
  const { toQuestion, columns, imageShards: apart } = parquet!
  const gathered = collector(toQuestion)
  // Of pictures in a table of their own, a question says which file it would be, until the table is read.
  for await (const entry of shelf.entries(shards, columns))
    gathered.add(apart === null ? entry : { ...entry, row: null })
  const { questions, problems } = gathered.finish()
  if (apart === null) return { questions, problems }
  const rows = new Map<string, Entry['row']>()
  for await (const { value, row } of shelf.entries(imageShards, ['id']))
    rows.set(String((value as { id?: unknown }).id), row)
  const place = (image: ImageReference): ImageReference => {
    const row = rows.get(image.id)
    return row ? { in: 'parquet', id: image.id, ...row } : image
  }
  return { questions: questions.map(question => ({ ...question, image: place(question.image) })), problems }
}

/** Gives questions the boxes that are published apart from them. */
async function withBoxes(
  { boxTable }: Benchmark,
  { boxShards }: OnDisk,
  shelf: Shelf,
  { questions, problems }: Read,
): Promise<Read> {
  if (boxTable === undefined || boxShards.length === 0) return { questions, problems }
  const byId = new Map(questions.map(question => [question.id, question]))
  const found = [...problems]
  for await (const entry of shelf.entries(boxShards, boxTable.columns)) {
    const read = boxTable.toBox(entry)
    if (typeof read === 'string') {
      found.push({ where: entry.where, problem: `${read}: box left out` })
      continue
    }
    const question = byId.get(read.id)
    if (question === undefined)
      found.push({ where: entry.where, problem: `no question ${read.id} for its box: left out` })
    else byId.set(read.id, { ...question, boxes: [...question.boxes, read.box] })
  }
  return { questions: [...byId.values()], problems: found }
}

type FileReference = Extract<ImageReference, { in: 'folder' }>

/** The path of a picture's file, in the first folder that has it; null if none has, or it is empty. */
async function pathOf(
  { name }: FileReference,
  folders: readonly string[],
  data: string,
): Promise<string | null> {
  for (const folder of folders) {
    const path = join(data, folder, name)
    const file = await stat(path).catch(absent)
    if (file?.isFile() && file.size > 0) return path
  }
  return null
}

async function readFileOf(
  image: FileReference,
  folders: readonly string[],
  data: string,
  name: string,
): Promise<Uint8Array> {
  const path = await pathOf(image, folders, data)
  if (path === null)
    throw new Error(
      `${name}: picture ${image.name} is not there, or empty. Looked in ${folders.join(', ')} below ${data}.`,
    )
  return readFile(path).catch(error => {
    throw unreadable(image.name, error)
  })
}

async function findImages(
  questions: readonly Question[],
  folders: readonly string[],
  data: string,
  shelf: Shelf,
): Promise<ImagesFound> {
  const images = new Map<string, ImageReference>()
  for (const { image } of questions)
    images.set(image.in === 'folder' ? image.name : `${image.shard}: row ${image.row}`, image)
  const all = [...images]
  const atOnce = pLimit(16)
  const files = await Promise.all(
    all.flatMap(([name, image]) =>
      image.in === 'folder'
        ? [atOnce(async () => ((await pathOf(image, folders, data)) === null ? [name] : []))]
        : [],
    ),
  )
  const rows = await shelf.rowsWithoutImage(
    all.flatMap(([, image]) => (image.in === 'parquet' ? [image] : [])),
  )
  const ids = new Set(questions.map(({ image }) => image.id))
  const missing = [...files.flat(), ...rows.map(({ shard, row }) => `${shard}: row ${row + 1}`)]
  const missingIds = new Set([...files.flat().map(name => images.get(name)!.id), ...rows.map(({ id }) => id)])
  return { found: ids.size - missingIds.size, missing }
}
