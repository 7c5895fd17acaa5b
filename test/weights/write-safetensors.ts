import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** A tensor to be written: its numbers, or for types that JavaScript lacks their bytes or bit patterns. */
export interface TensorData {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: ArrayBufferView | readonly number[]
}

/** Writes a safetensors file with its tensors in the given order. Plain numbers are written as float32. */
export function writeSafetensors(path: string, tensors: Readonly<Record<string, TensorData>>): void {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  const parts: Buffer[] = []
  let end = 0
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    const bytes = bytesOf(data)
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] }
    parts.push(bytes)
    end += bytes.length
  }
  const json = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.length))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, Buffer.concat([prefix, json, ...parts]))
}

function bytesOf(data: ArrayBufferView | readonly number[]): Buffer {
  const view = ArrayBuffer.isView(data) ? data : new Float32Array(data)
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength)
}
