/**
 * Where a division by a vanished attention is cut off. Attentions of a few hundred tokens are far above it; below it
 * float32 has nothing to say.
 */
const smallest = 1e-12

/**
 * Relative attention (Zhang et al. 2025, rel-att): A_rel = A_si(x,q) / A_si(x,q'), what the question draws the eye to beyond
 * what any question would. Several layers are averaged after the division, so that each counts alike. Where neither
 * prompt attends the value is 0, never a quotient of two nothings as in the official code.
 *
 * L layers · N cells of the map
 *
 * @param question answer-to-image attention under the question, [L][N], heads averaged
 * @param general the same under the general description prompt
 * @returns [N], at least 0; about 1 where the question changes nothing
 */
export function relativeAttention(
  question: readonly Float32Array[],
  general: readonly Float32Array[],
): Float32Array {
  const cells = question[0]?.length ?? 0
  const map = new Float32Array(cells)
  question.forEach((layer, l) => {
    const base = general[l] as Float32Array
    for (let i = 0; i < cells; i++) {
      map[i] =
        (map[i] as number) + (layer[i] as number) / Math.max(base[i] as number, smallest) / question.length
    }
  })
  return map
}
