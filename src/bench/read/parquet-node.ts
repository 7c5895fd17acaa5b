import { stat } from 'node:fs/promises'
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  type RowGroup,
} from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { readAt, unreadable, withFile } from '../../weights/file-node.ts'

// Parquet files, a group of rows at a time. A file is open only while a group of it is read.

/** A group of rows with pictures is some 100 MB as `datasets` writes it; more than this is not taken into memory. */
const maxGroupBytes = 2 ** 30

/** A footer describes the columns of each group; a real one has some hundred kB. */
const maxFooterBytes = 64 * 2 ** 20

/** `datasets` writes a thousand rows into a group, others a million. */
const maxGroupRows = 2 ** 24

export interface ParquetFile {
  readonly path: string
  /** For messages. */
  readonly name: string
  readonly metadata: FileMetaData
  readonly groups: readonly Group[]
}

/** Rows that were written together, and are read together. */
export interface Group {
  readonly firstRow: number
  readonly rowCount: number
  readonly described: RowGroup
}

export type Row = Readonly<Record<string, unknown>>

/** @throws an error of one sentence if it is not a Parquet file, or was cut off */
export async function openParquet(path: string, name: string): Promise<ParquetFile> {
  const metadata = await reading(path, name, async buffer => {
    await checkFooter(buffer, name)
    return parquetMetadataAsync(buffer)
  })
  let firstRow = 0
  const groups = metadata.row_groups.map(described => {
    const group = { firstRow, rowCount: Number(described.num_rows), described }
    if (!(group.rowCount >= 0 && group.rowCount <= maxGroupRows))
      throw new Error(`${name}: a group of ${described.num_rows} rows cannot be. Download it again.`)
    firstRow += group.rowCount
    return group
  })
  return { path, name, metadata, groups }
}

/** A file ends with the length of its footer in four bytes, and "PAR1". */
async function checkFooter(buffer: AsyncBuffer, name: string): Promise<void> {
  const tail = new DataView(await buffer.slice(Math.max(0, buffer.byteLength - 8)))
  const isWhole = tail.byteLength === 8 && tail.getUint32(4, true) === 0x31524150
  if (!isWhole) throw new Error(`${name}: is not a whole Parquet file. Download it again.`)
  const length = tail.getUint32(0, true)
  if (length > Math.min(maxFooterBytes, buffer.byteLength - 8))
    throw new Error(`${name}: its footer of ${length} bytes cannot be. Download it again.`)
}

export const columnNames = ({ metadata }: ParquetFile): string[] =>
  metadata.row_groups.length === 0
    ? []
    : [
        ...new Set(
          metadata.row_groups[0]?.columns.flatMap(column => column.meta_data?.path_in_schema[0] ?? []),
        ),
      ]

/** The rows of a group, with those of the columns asked for that the file has. Whole numbers are plain numbers. */
export async function readGroup(
  { path, name, metadata }: ParquetFile,
  { firstRow, rowCount, described }: Group,
  columns: readonly string[],
): Promise<Row[]> {
  const chunks = described.columns.filter(({ meta_data }) =>
    columns.includes(meta_data?.path_in_schema[0] as string),
  )
  if (chunks.length === 0)
    throw new Error(`${name}: has none of the columns ${columns.join(', ')}. Is it the right file?`)
  const bytes = chunks.reduce(
    (sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0),
    0,
  )
  if (bytes > maxGroupBytes) {
    const megabytes = Math.ceil(bytes / 2 ** 20)
    throw new Error(
      `${name}: rows from ${firstRow} on take ${megabytes} MB, at most ${maxGroupBytes / 2 ** 20} are read at once: write it with smaller row groups.`,
    )
  }
  const rows = await reading(path, name, file =>
    parquetReadObjects({
      file,
      metadata,
      columns: [...new Set(chunks.map(({ meta_data }) => meta_data?.path_in_schema[0] as string))],
      rowStart: firstRow,
      rowEnd: firstRow + rowCount,
      compressors,
      // Bytes stay bytes; columns that are text say so themselves.
      utf8: false,
    }),
  )
  if (rows.length !== rowCount)
    throw new Error(`${name}: ${rowCount} rows from ${firstRow} on were expected, ${rows.length} found.`)
  return rows.map(row => plain(row) as Row)
}

/** Whether a group says of itself that none of its pictures is missing. Many files do not say. */
export const hasEveryImage = ({ described }: Group): boolean =>
  described.columns.some(
    ({ meta_data }) =>
      meta_data?.path_in_schema.join('.') === 'image.bytes' &&
      Number(meta_data.statistics?.null_count ?? 1) === 0,
  )

/** 64-bit whole numbers as numbers where those hold them, and as text beyond. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

async function reading<T>(path: string, name: string, read: (file: AsyncBuffer) => Promise<T>): Promise<T> {
  const { size } = await stat(path).catch(error => {
    throw unreadable(name, error)
  })
  return withFile(path, name, async handle => {
    const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
      if (start < 0 || end < start || end > size)
        throw new RangeError(`bytes ${start} to ${end} are not in a file of ${size}`)
      const bytes = await readAt(handle, new Uint8Array(end - start), start)
      return bytes.buffer.slice(0, bytes.length) as ArrayBuffer
    }
    return read({ byteLength: size, slice })
  }).catch(error => {
    const { message } = error as Error
    throw message.startsWith(`${name}: `)
      ? error
      : new Error(`${name}: cannot be read as Parquet (${message}). Download it again.`, { cause: error })
  })
}
