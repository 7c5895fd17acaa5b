import { inverseFrequencies, turnsOf } from '../../nn/rope.ts'
import type { Weights } from '../../nn/weights.ts'
import { llama } from '../llama/language.ts'
import type { LanguageModel, Prompt } from '../model.ts'
import type { Qwen2Config } from './config.ts'

/**
 * The language model of Qwen2-VL and Qwen2.5-VL (Wang et al. 2024): a Llama with biases, and with M-RoPE, in which each pair
 * of channels turns with one of a position's three coordinates.
 *
 * @param weights where `embed_tokens`, `layers` and `norm` are
 * @param head where the output projection is, or null to use the embedding (`tie_word_embeddings`)
 */
export function qwen2(weights: Weights, head: Weights | null, config: Qwen2Config): LanguageModel {
  const { head_dim: headSize, rope_theta: theta, rope_scaling: scaling, mrope_section } = config
  const frequencies = inverseFrequencies({ headSize, theta, scaling })
  const axes = Uint8Array.from(mrope_section.flatMap((pairs, i) => Array<number>(pairs).fill(i % 3)))
  requireBiases(weights, config)
  return {
    ...llama(weights, head, config),
    rotaryTables(prompt, start) {
      const coordinates = coordinatesOf(prompt).map(axis => axis.subarray(start))
      return turnsOf(frequencies, axes, coordinates)
    },
  }
}

/** A Llama may have biases or not; without them a Qwen2 would run, and answer wrongly. */
function requireBiases(
  weights: Weights,
  { num_hidden_layers, num_attention_heads, num_key_value_heads, head_dim }: Qwen2Config,
): void {
  const sizes = { q_proj: num_attention_heads, k_proj: num_key_value_heads, v_proj: num_key_value_heads }
  for (let layer = 0; layer < num_hidden_layers; layer++) {
    for (const [name, heads] of Object.entries(sizes))
      weights.at(`layers.${layer}.self_attn.${name}`).get('bias', [heads * head_dim])
  }
}

/**
 * The coordinates of every position of a prompt, time, row and column: [3][S]. Text counts on in all three. A picture's
 * cells lie in a plane of one time, and what follows counts on from its longer side.
 */
export function coordinatesOf(prompt: Prompt): readonly Int32Array[] {
  const [time, row, column] = [0, 1, 2].map(() => new Int32Array(prompt.length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  let [next, plane] = [0, 0]
  for (const [i, position] of prompt.entries()) {
    if (typeof position === 'number') {
      time[i] = row[i] = column[i] = next++
      continue
    }
    const { rows, columns } = position.features.grid
    if (position.row === 0) {
      plane = next
      next += Math.max(rows, columns)
    }
    time[i] = plane
    row[i] = plane + Math.floor(position.row / columns)
    column[i] = plane + (position.row % columns)
  }
  return [time, row, column]
}
