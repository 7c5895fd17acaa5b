/**
 * A writer of protocol buffers, as much of the format as ONNX needs: a message is the concatenation of its fields,
 * each a tag (field number and wire type) and a payload.
 */
export type Field = Uint8Array

const varintType = 0
const lengthType = 2
const fixed32Type = 5

/** An int32, int64, bool or enum field; negative numbers in two's complement, as the format asks. */
export const integerField = (field: number, value: number | bigint): Field =>
  join([tag(field, varintType), varint(value)])

export function floatField(field: number, value: number): Field {
  const payload = new Uint8Array(4)
  new DataView(payload.buffer).setFloat32(0, value, true)
  return join([tag(field, fixed32Type), payload])
}

export const stringField = (field: number, value: string): Field =>
  bytesField(field, new TextEncoder().encode(value))

export const bytesField = (field: number, value: Uint8Array): Field =>
  join([tag(field, lengthType), varint(value.length), value])

export const messageField = (field: number, fields: readonly Field[]): Field =>
  bytesField(field, join(fields))

export const packedIntegersField = (field: number, values: readonly number[]): Field =>
  bytesField(field, join(values.map(varint)))

export function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

const tag = (field: number, type: number): Uint8Array => varint((field << 3) | type)

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
