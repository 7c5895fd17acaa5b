import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../weights/temporary.ts'
import { type CaseName, modelPath } from './fixtures.ts'

/** What is done to a checkpoint's folder. */
export type Change = (folder: string) => void

/** A checkpoint of the fixtures in a folder of its own, with something done to its files. */
export const altered = (change: Change, name: CaseName = 'base'): string =>
  alteredFrom(modelPath(name), change)

/** The same of any checkpoint's folder. */
export function alteredFrom(original: string, change: Change): string {
  const folder = temporaryFolder()
  cpSync(original, folder, { recursive: true })
  change(folder)
  return folder
}

type Json = Record<string, unknown>

/** Sets fields of a JSON file: objects field by field, everything else as a whole; undefined removes it. */
export const setJson =
  (file: string, fields: Json): Change =>
  folder => {
    const path = join(folder, file)
    writeFileSync(path, JSON.stringify(merged(JSON.parse(readFileSync(path, 'utf8')), fields)))
  }

export const config = (fields: Json): Change => setJson('config.json', fields)

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
  (file: string, content: string | Uint8Array): Change =>
  folder =>
    writeFileSync(join(folder, file), content)

export const remove =
  (file: string): Change =>
  folder =>
    rmSync(join(folder, file))

export interface HeaderEntry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** Rewrites the header of `model.safetensors`; the data stays as it is. */
export const setHeader =
  (change: (header: Record<string, HeaderEntry>) => void): Change =>
  folder => {
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

/** Sets fields of a tensor's entry in that header. */
export const setTensor = (name: string, fields: Partial<HeaderEntry>): Change =>
  setHeader(header => Object.assign(header[name] as HeaderEntry, fields))

/** Takes a tensor's name away; its data stays. */
export const without = (name: string): Change =>
  setHeader(header => {
    header.renamed = header[name] as HeaderEntry
    delete header[name]
  })

export const withReversedShape = (name: string): Change =>
  setHeader(header => (header[name] as HeaderEntry).shape.reverse())
