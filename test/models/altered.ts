import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../weights/temporary.ts'
import { type CaseName, modelPath } from './fixtures.ts'

/** A checkpoint of the fixtures in a folder of its own, with something done to its files. */
export const altered = (change: (folder: string) => void, name: CaseName = 'base'): string =>
  alteredFrom(modelPath(name), change)

/** The same of any checkpoint's folder. */
export function alteredFrom(original: string, change: (folder: string) => void): string {
  const folder = temporaryFolder()
  cpSync(original, folder, { recursive: true })
  change(folder)
  return folder
}

type Json = Record<string, unknown>

/** Sets fields of a JSON file: objects field by field, everything else as a whole; undefined removes it. */
export const setJson =
  (file: string, fields: Json) =>
  (folder: string): void => {
    const path = join(folder, file)
    writeFileSync(path, JSON.stringify(merged(JSON.parse(readFileSync(path, 'utf8')), fields)))
  }

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function merged(whole: Json, fields: Json): Json {
  const entries = Object.entries(fields).map(([key, value]) => {
    const old = whole[key]
    return [key, isObject(old) && isObject(value) ? merged(old, value) : value]
  })
  return { ...whole, ...Object.fromEntries(entries) }
}

export const write =
  (file: string, content: string | Uint8Array) =>
  (folder: string): void =>
    writeFileSync(join(folder, file), content)

export const remove =
  (file: string) =>
  (folder: string): void =>
    rmSync(join(folder, file))

export interface HeaderEntry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** Rewrites the header of `model.safetensors`; the data stays as it is. */
export const setHeader =
  (change: (header: Record<string, HeaderEntry>) => void) =>
  (folder: string): void => {
    const path = join(folder, 'model.safetensors')
    const bytes = readFileSync(path)
    const end = 8 + Number(bytes.readBigUInt64LE(0))
    const header = JSON.parse(bytes.toString('utf8', 8, end))
    change(header)
    const json = Buffer.from(JSON.stringify(header))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(json.length))
    writeFileSync(path, Buffer.concat([length, json, bytes.subarray(end)]))
  }
