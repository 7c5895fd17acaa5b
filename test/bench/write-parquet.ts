import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { SchemaElement } from 'hyparquet'
import { parquetWriteBuffer } from 'hyparquet-writer'

/** The types of columns that the `datasets` library writes. */
export type Kind =
  | 'text'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bool'
  | 'bytes'
  | { readonly list: Kind }
  | { readonly fields: Readonly<Record<string, Kind>> }

/** A picture: its file's bytes, and the name it had. */
export const imageKind: Kind = { fields: { bytes: 'bytes', path: 'text' } }

export type Row = Readonly<Record<string, unknown>>

export interface WriteOptions {
  readonly rowGroupSize?: number
  readonly codec?: 'SNAPPY' | 'GZIP' | 'UNCOMPRESSED'
  readonly statistics?: boolean
}

/** Writes a Parquet file below a folder, with two rows in each group. */
export function writeParquet(
  folder: string,
  name: string,
  kinds: Readonly<Record<string, Kind>>,
  rows: readonly Row[],
  { rowGroupSize = 2, codec = 'SNAPPY', statistics = true }: WriteOptions = {},
): void {
  const columns = Object.entries(kinds)
  const schema: SchemaElement[] = [
    { name: 'schema', num_children: columns.length },
    ...columns.flatMap(([column, kind]) => elements(column, kind)),
  ]
  const columnData = columns.map(([column, kind]) => ({
    name: column,
    data: rows.map(row => stored(row[column] ?? null, kind)),
  }))
  const compressors = { GZIP: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)) }
  const options = codec === 'GZIP' ? { compressors } : {}
  const written = parquetWriteBuffer({ schema, columnData, rowGroupSize, codec, statistics, ...options })
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, new Uint8Array(written))
}

function elements(name: string, kind: Kind): SchemaElement[] {
  const optional = { name, repetition_type: 'OPTIONAL' } as const
  if (typeof kind === 'string') return [{ ...optional, ...scalars[kind] }]
  if ('fields' in kind) {
    const fields = Object.entries(kind.fields)
    return [
      { ...optional, num_children: fields.length },
      ...fields.flatMap(([field, inner]) => elements(field, inner)),
    ]
  }
  return [
    { ...optional, num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    ...elements('element', kind.list),
  ]
}

const scalars = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  int32: { type: 'INT32' },
  int64: { type: 'INT64' },
  double: { type: 'DOUBLE' },
  bool: { type: 'BOOLEAN' },
  bytes: { type: 'BYTE_ARRAY' },
} as const satisfies Record<string, Omit<SchemaElement, 'name'>>

/** 64-bit numbers are big integers to the writer. */
function stored(value: unknown, kind: Kind): unknown {
  if (value === null || value === undefined) return null
  if (typeof kind === 'string') return kind === 'int64' ? BigInt(value as number) : value
  if ('list' in kind) return (value as unknown[]).map(one => stored(one, kind.list))
  return Object.fromEntries(
    Object.entries(kind.fields).map(([field, inner]) => [field, stored((value as Row)[field], inner)]),
  )
}
