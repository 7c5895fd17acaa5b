import { add, concat, mul, neg, slice } from '../graph/ops.ts'
import { dimension, type Tensor } from '../graph/tensor.ts'

/** How a checkpoint stretches its rotary positions (`rope_scaling`, `rope_parameters`). */
export type RopeScaling =
  | { readonly rope_type: 'default' }
  | { readonly rope_type: 'linear'; readonly factor: number }
  | {
      readonly rope_type: 'llama3'
      readonly factor: number
      readonly low_freq_factor: number
      readonly high_freq_factor: number
      readonly original_max_position_embeddings: number
    }

export interface Rope {
  readonly headSize: number
  readonly theta: number
  readonly scaling: RopeScaling
}

/** cos and sin of S positions, each [S, headSize], the two halves of a row equal, as the reference lays them out. */
export interface RotaryTables {
  readonly cos: Float32Array
  readonly sin: Float32Array
}

/** Rotary tables for S positions. */
export function rotaryTables(rope: Rope, positions: readonly number[]): RotaryTables {
  const frequencies = inverseFrequencies(rope)
  return turnsOf(frequencies, new Uint8Array(frequencies.length), [positions])
}

/**
 * Rotary tables for positions with several coordinates, such as row and column: each pair of channels turns with one.
 *
 * @param frequencies radians per step, for each pair of channels
 * @param axes which coordinate that pair turns with
 * @param coordinates of all positions, by coordinate: [axis][S]
 */
export function turnsOf(
  frequencies: Float32Array,
  axes: Uint8Array,
  coordinates: readonly ArrayLike<number>[],
): RotaryTables {
  const [pairs, count] = [frequencies.length, coordinates[0]?.length ?? 0]
  const [cos, sin] = [new Float32Array(2 * count * pairs), new Float32Array(2 * count * pairs)]
  for (let i = 0; i < cos.length; i++) {
    const pair = i % pairs
    const position = coordinates[axes[pair] as number]?.[Math.floor(i / (2 * pairs))] as number
    // The reference multiplies in float32, and for late positions that rounding is the larger part of the error.
    const angle = Math.fround(position * (frequencies[pair] as number))
    cos[i] = Math.cos(angle)
    sin[i] = Math.sin(angle)
  }
  return { cos, sin }
}

/** Radians per position, one for each pair of channels: [headSize / 2]. */
export function inverseFrequencies({ headSize, theta, scaling }: Rope): Float32Array {
  // In the reference's float32 steps: a frequency that is off by one rounding is off by 0.004 radians at position 65,535.
  const power = (i: number): number => Math.fround(theta ** Math.fround((2 * i) / headSize))
  const frequencies = Float32Array.from({ length: headSize / 2 }, (_, i) => 1 / power(i))
  if (scaling.rope_type === 'linear') return frequencies.map(frequency => frequency / scaling.factor)
  if (scaling.rope_type === 'llama3') return frequencies.map(frequency => llama3(frequency, scaling))
  return frequencies
}

/** Slow channels are stretched by `factor`, fast ones are left, those between are mixed. */
function llama3(frequency: number, scaling: Extract<RopeScaling, { rope_type: 'llama3' }>): number {
  const { factor, low_freq_factor: low, high_freq_factor: high } = scaling
  const turns = (scaling.original_max_position_embeddings * frequency) / (2 * Math.PI)
  if (turns < low) return frequency / factor
  if (turns > high) return frequency
  const share = (turns - low) / (high - low)
  return (1 - share) * (frequency / factor) + share * frequency
}

/** Rotates the heads of x [S,H,D] by tables [S,1,D]; S may be several axes. */
export function rotate(x: Tensor, cos: Tensor, sin: Tensor): Tensor {
  const half = (dimension(x, -1) as number) / 2
  const turned = concat([neg(slice(x, -1, half)), slice(x, -1, 0, half)], -1)
  return add(mul(x, cos), mul(turned, sin))
}
