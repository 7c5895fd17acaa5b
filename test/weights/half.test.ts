import { expect, test } from 'vitest'
import { narrowFloat16, widenBfloat16, widenFloat16 } from '../../src/weights/half.ts'

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

test('float16 comes back from float32 as it was', () => {
  const widened = new Int32Array(65_536)
  widenFloat16(allPatterns, widened)
  const finite = allPatterns.filter(bits => (bits & 0x7c00) !== 0x7c00)
  const narrow = new Uint16Array(finite.length)
  const floats = Float32Array.from(finite, bits => new Float32Array(widened.buffer)[bits] as number)
  expect(narrowFloat16(floats, narrow)).toBe(true)
  expect(narrow).toEqual(finite)
})

test('between two neighbours of float16 the nearer is taken, and of equally near ones the even', () => {
  for (let bits = 0; bits < 0x7bff; bits++) {
    const [low, high] = [float16Value(bits), float16Value(bits + 1)]
    const between = [0.25, 0.5, 0.75].map(share => low + share * (high - low))
    const narrow = new Uint16Array(6)
    narrowFloat16(Float32Array.from([...between, ...between.map(value => -value)]), narrow)
    const expected = [bits, bits + (bits % 2), bits + 1]
    expect([...narrow]).toEqual([...expected, ...expected.map(pattern => pattern + 0x8000)])
  }
})

test.each([65_520, -70_000, 1e30, Number.POSITIVE_INFINITY, Number.NaN])(
  'float16 does not reach %d',
  value => {
    expect(narrowFloat16(Float32Array.of(1, value), new Uint16Array(2))).toBe(false)
    expect(narrowFloat16(Float32Array.of(1, 65_519), new Uint16Array(2))).toBe(true)
  },
)
