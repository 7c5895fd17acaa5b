// float16 and bfloat16 widened to float32, bit pattern to bit pattern, so that every value is kept exactly: subnormal,
// infinite, and not-a-number with its payload. Both are exact, since float32 contains either type.

/** float32 bit patterns of all float16 bit patterns; 256 kB, made when first needed. */
let float16Table: Int32Array | undefined

/** Writes the float32 bit patterns of N float16 values into the first N elements of `target`. */
export function widenFloat16(source: Uint16Array, target: Int32Array): void {
  float16Table ??= Int32Array.from({ length: 65_536 }, (_, bits) => float16ToFloat32Bits(bits))
  const table = float16Table
  for (let i = 0; i < source.length; i++) target[i] = table[source[i] as number] as number
}

/** Writes the float32 bit patterns of N bfloat16 values into the first N elements of `target`. */
export function widenBfloat16(source: Uint16Array, target: Int32Array): void {
  for (let i = 0; i < source.length; i++) target[i] = (source[i] as number) << 16
}

/** float16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. float32: 1, 8 (bias 127), 23. */
function float16ToFloat32Bits(bits: number): number {
  const sign = (bits & 0x8000) << 16
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13)
  if (exponent !== 0) return sign | ((exponent + 127 - 15) << 23) | (fraction << 13)
  if (fraction === 0) return sign
  const shift = Math.clz32(fraction) - 21
  return sign | ((127 - 14 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)
}

/**
 * Writes N float32 values, rounded to the nearest float16 and to the even one of two, into `target`.
 *
 * @returns whether all of them are finite as float16
 */
export function narrowFloat16(source: Float32Array, target: Uint16Array): boolean {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length)
  let largest = 0
  for (let i = 0; i < bits.length; i++) {
    const narrow = float32ToFloat16Bits(bits[i] as number)
    target[i] = narrow
    largest = Math.max(largest, narrow & 0x7fff)
  }
  return largest < 0x7c00
}

function float32ToFloat16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000
  const rest = bits & 0x7fffffff
  if (rest >= 0x47800000) return sign | 0x7c00 // 65,536 and more, infinite, not a number: all refused alike
  // Subnormal in float16: the implicit bit becomes explicit and is moved as far as the exponent is too small.
  const exponent = rest >>> 23
  const isNormal = exponent > 127 - 15
  const fraction = isNormal ? rest - ((127 - 15) << 23) : (rest & 0x7fffff) | 0x800000
  const shift = isNormal ? 13 : 13 + 127 - 14 - exponent
  if (shift > 24) return sign
  const rounded = fraction + (1 << (shift - 1)) - 1 + ((fraction >>> shift) & 1)
  return sign | (rounded >>> shift)
}
