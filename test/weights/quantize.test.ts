import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockLayout, quantizeRows, rowBytes } from '../../src/weights/quantize.ts'

/** Steps below the least normal float32 are rounded themselves. */
const smallest = 2 ** -126

/** What the blocks of a matrix say, number by number, its rows as long as they are stored. */
function numbersOf(
  source: Float32Array,
  bits: 4 | 8,
  columns: number,
): { numbers: number[]; scales: number[] } {
  const layout = blockLayout(bits, source.length / columns, columns)
  const { blocks, blockSize } = layout
  const { values, scales, zeros } = quantizeRows(source, layout)!
  const whole = (bytes: Uint8Array, i: number): number =>
    bits === 8 ? bytes[i]! : (bytes[i >> 1]! >> (4 * (i & 1))) & 15
  const count = layout.rows * blocks * blockSize
  return {
    numbers: Array.from({ length: count }, (_, i) => {
      const block = Math.floor(i / blockSize)
      return (whole(values, i) - whole(zeros, block)) * scales[block]!
    }),
    scales: [...scales],
  }
}

describe.each([4, 8] as const)('rows in blocks of %i bits', bits => {
  it('are off by half a step at most, and a step is a share of what a block ranges over', () => {
    const number = fc.oneof(
      fc.float({ noNaN: true, noDefaultInfinity: true, min: -4, max: 4 }),
      fc.constantFrom(0, 1, -1, 2 ** -140, 1e-45),
    )
    const matrix = fc
      .integer({ min: 1, max: 150 })
      .chain(columns =>
        fc.tuple(fc.constant(columns), fc.array(number, { minLength: 3 * columns, maxLength: 3 * columns })),
      )
    fc.assert(
      fc.property(matrix, ([columns, values]) => {
        const source = Float32Array.from(values)
        const { numbers, scales } = numbersOf(source, bits, columns)
        const stored = numbers.length / 3
        for (let row = 0; row < 3; row++) {
          const own = source.subarray(row * columns, (row + 1) * columns)
          for (let i = 0; i < stored; i++) {
            const [from, to] = [32 * Math.floor(i / 32), 32 * Math.floor(i / 32) + 32]
            const block = [0, ...own.subarray(from, to)]
            const step = scales[Math.floor((row * stored + i) / 32)]!
            expect(step).toBeLessThanOrEqual(
              ((Math.max(...block) - Math.min(...block)) / (2 ** bits - 1)) * 1.000001 + smallest,
            )
            // Half a step for rounding, and half for where 0 comes to lie.
            expect(Math.abs(numbers[row * stored + i]! - (own[i] ?? 0))).toBeLessThanOrEqual(
              step * 1.00001 + smallest,
            )
            if (!own[i]) expect(numbers[row * stored + i]).toBeCloseTo(0, 30)
          }
        }
      }),
    )
  })

  it('keep numbers that are whole steps from one another exactly', () => {
    const source = Float32Array.from({ length: 64 }, (_, i) => (i % 2 ** bits) - 3)
    const ranges = Float32Array.from({ length: 64 }, (_, i) => [-3, 2 ** bits - 4][i % 32] ?? source[i]!)
    expect(numbersOf(ranges, bits, 64).numbers).toEqual([...ranges])
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('cannot have %d', number => {
    const source = new Float32Array(128)
    source[77] = number
    expect(quantizeRows(source, blockLayout(bits, 2, 64))).toBeNull()
  })

  it('cannot have numbers that range over more than float32 does', () => {
    const source = Float32Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? 3e38 : -3e38))
    const blocks = quantizeRows(source, blockLayout(bits, 1, 64))
    expect(blocks === null || blocks.scales.every(Number.isFinite)).toBe(true)
  })

  it('are filled up with zeros to an even number of blocks', () => {
    const layout = blockLayout(bits, 1, 70)
    expect(layout).toMatchObject({ blockSize: 32, blocks: 4, columns: 70 })
    expect(rowBytes(layout)).toEqual({ values: (128 * bits) / 8, scales: 16, zeros: (4 * bits) / 8 })
    const { numbers } = numbersOf(new Float32Array(70).fill(-0.3), bits, 70)
    expect(numbers.slice(70)).toEqual(new Array(58).fill(0))
    expect(numbers[69]).toBeCloseTo(-0.3, 6)
  })
})

it('two values share a byte, the first in its low bits', () => {
  const source = Float32Array.from({ length: 64 }, (_, i) => i % 16)
  const { values, zeros, scales } = quantizeRows(source, blockLayout(4, 1, 64))!
  expect([...values.subarray(0, 3)]).toEqual([0x10, 0x32, 0x54])
  expect([[...zeros], [...scales]]).toEqual([[0], [1, 1]])
})
