import { join } from 'node:path'
import type { Entry } from '../benchmark.ts'
import type { ImageReference } from '../question.ts'
import {
  columnNames,
  type Group,
  hasEveryImage,
  openParquet,
  type ParquetFile,
  readGroup,
} from './parquet-node.ts'

type RowReference = Extract<ImageReference, { in: 'parquet' }>

/** Parquet files below the data folder, by name, with the pictures of the group of rows that was read last. */
export class Shelf {
  readonly #data: string
  readonly #files = new Map<string, Promise<ParquetFile>>()
  #kept: {
    readonly shard: string
    readonly group: Group
    readonly images: Promise<(Uint8Array | null)[]>
  } | null = null

  constructor(data: string) {
    this.#data = data
  }

  #open(shard: string): Promise<ParquetFile> {
    const known = this.#files.get(shard) ?? openParquet(join(this.#data, shard), shard)
    this.#files.set(shard, known)
    return known
  }

  /** Every row of some files, a group in memory at a time. */
  async *entries(shards: readonly string[], columns: readonly string[]): AsyncGenerator<Entry> {
    for (const shard of shards) {
      const file = await this.#open(shard)
      for (const group of file.groups) {
        const rows = await readGroup(file, group, columns)
        for (const [i, value] of rows.entries()) {
          const row = group.firstRow + i
          yield { value, where: `${shard}: row ${row + 1}`, row: { shard, row } }
        }
      }
    }
  }

  async readImage({ shard, row }: RowReference): Promise<Uint8Array> {
    const file = await this.#open(shard)
    const group = groupOf(file, row)
    if (group === undefined)
      throw new Error(`${shard}: has no row ${row + 1}. Is it the file that was prepared?`)
    if (this.#kept?.shard !== shard || this.#kept.group !== group) {
      this.#kept = { shard, group, images: readImages(file, group) }
    }
    const image = (await this.#kept.images)[row - group.firstRow] ?? null
    if (image === null)
      throw new Error(`${shard}: row ${row + 1} has no picture embedded. Get a form that has them.`)
    return image
  }

  /** Those of some rows that have no picture. Reads only the groups that do not say of themselves that all have one. */
  async rowsWithoutImage(rows: readonly RowReference[]): Promise<RowReference[]> {
    const without: RowReference[] = []
    for (const shard of new Set(rows.map(row => row.shard))) {
      const wanted = new Map(rows.flatMap(row => (row.shard === shard ? [[row.row, row]] : [])))
      const file = await this.#open(shard)
      for (const group of file.groups) {
        const inGroup = Array.from(
          { length: group.rowCount },
          (_, i) => wanted.get(group.firstRow + i) ?? null,
        )
        if (hasEveryImage(group) || inGroup.every(row => row === null)) continue
        const images = await readImages(file, group)
        without.push(...inGroup.flatMap((row, i) => (row !== null && images[i] === null ? [row] : [])))
      }
    }
    return without
  }
}

const groupOf = ({ groups }: ParquetFile, row: number): Group | undefined =>
  groups.find(({ firstRow, rowCount }) => row >= firstRow && row < firstRow + rowCount)

/** The pictures of a group, null where none is embedded. */
async function readImages(file: ParquetFile, group: Group): Promise<(Uint8Array | null)[]> {
  if (!columnNames(file).includes('image'))
    throw new Error(`${file.name}: has no column "image". Get a form with pictures embedded.`)
  const rows = await readGroup(file, group, ['image'])
  return rows.map(({ image }) => {
    const bytes = (image as { bytes?: unknown } | null)?.bytes
    return bytes instanceof Uint8Array && bytes.length > 0 ? bytes : null
  })
}
