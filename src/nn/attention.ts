import { add, matmul, mul, scalar, softmax, transpose } from '../graph/ops.ts'
import type { Tensor } from '../graph/tensor.ts'

/**
 * Softmax attention, written out so that its probabilities can be read and differentiated.
 *
 * H heads (or any leading axes) · S queries · T keys · D head size
 *
 * @param q [...,H,S,D], k and v [...,H,T,D]
 * @param mask [S,T], added to the scores: 0 where a query sees a key, very negative where it does not
 * @returns attended [...,H,S,D] and probabilities [...,H,S,T]
 */
export function attend(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  scale: number,
  mask: Tensor | null = null,
): { attended: Tensor; probabilities: Tensor } {
  const axes = k.shape.map((_, axis) => axis)
  const swapped = [...axes.slice(0, -2), axes.length - 1, axes.length - 2]
  const scores = matmul(mul(q, scalar(scale)), transpose(k, swapped))
  const probabilities = softmax(mask === null ? scores : add(scores, mask))
  return { attended: matmul(probabilities, v), probabilities }
}
