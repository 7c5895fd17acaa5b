import { expect, test } from 'vitest'
import { widenBfloat16, widenFloat16 } from '../../src/weights/half.ts'

const allPatterns = Uint16Array.from({ length: 65_536 }, (_, bits) => bits)

/** By the definition of the format, in arithmetic. */
function float16Value(bits: number): number {
  const sign = bits >= 0x8000 ? -1 : 1
  const exponent = Math.floor(bits / 1024) % 32
  const fraction = bits % 1024
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** A bfloat16 is the upper half of a float32. */
function bfloat16Value(bits: number): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setUint16(0, bits)
  return view.getFloat32(0)
}

test.each([
  ['float16', widenFloat16, float16Value],
  ['bfloat16', widenBfloat16, bfloat16Value],
])('all 65,536 patterns of %s keep their value', (_, widen, expected) => {
  const widened = new Int32Array(65_536)
  widen(allPatterns, widened)
  const wrong = [...new Float32Array(widened.buffer)].findIndex(
    (value, bits) => !Object.is(value, expected(bits)),
  )
  expect(wrong).toBe(-1)
})

test('special values have the expected float32 patterns', () => {
  const widened = new Int32Array(7)
  widenFloat16(Uint16Array.of(0x8000, 0x0001, 0x83ff, 0x7bff, 0xfc00, 0x7e01, 0xfd55), widened)
  expect([...new Uint32Array(widened.buffer)].map(bits => bits.toString(16))).toEqual([
    '80000000', // -0
    '33800000', // the least subnormal, 2^-24
    'b87fc000', // the greatest subnormal, negative
    '477fe000', // 65504
    'ff800000', // -infinity
    '7fc02000', // not a number, quiet, payload 1
    'ffaaa000', // not a number, signalling: sign and payload kept
  ])
})
