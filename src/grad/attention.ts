import {
  type AttentionHeads,
  add,
  concat,
  matmul,
  mul,
  reduceSum,
  reshape,
  scalar,
  slice,
  softmax,
  splitLike,
  sub,
  transpose,
} from '../graph/ops.ts'
import { dimension, type Tensor } from '../graph/tensor.ts'

// B pictures · S queries · T keys · H query heads · K key heads, each shared by n = H/K query heads · D head size

/** The inputs of softmax attention and its result: q and y [B,S,H*D], k and v [B,T,K*D]; of one head, without H and K. */
interface Attention {
  readonly q: Tensor
  readonly k: Tensor
  readonly v: Tensor
  readonly y: Tensor
}

/**
 * What reaches q, k and v of softmax attention of what reaches its result, g. What reaches a key head and the query heads
 * that share it is one tensor, so that they are done with before the next begin, and the probabilities of one alone are in
 * memory.
 *
 * @param mask [S,T], added to the scores; null: every query sees every key
 */
export function attentionGradients(
  g: Tensor,
  { q, k, v, y }: Attention,
  { heads, kvHeads, scale }: AttentionHeads,
  mask: Tensor | null = null,
): [Tensor, Tensor, Tensor] {
  const [size, sharing] = [(dimension(q, -1) as number) / heads, range(heads / kvHeads)]
  const head = (x: Tensor, i: number): Tensor => slice(x, -1, i * size, (i + 1) * size)
  const scaled = mul(q, scalar(scale))
  const gradients = range(kvHeads).map(kv => {
    const [keys, values] = [head(k, kv), head(v, kv)]
    const parts = sharing.map(i => {
      const h = kv * sharing.length + i
      return headGradients(head(g, h), { q: head(scaled, h), k: keys, v: values, y: head(y, h) }, mask)
    })
    const sum = (of: 'k' | 'v'): Tensor => parts.map(part => part[of]).reduce(add)
    return concat([sum('k'), sum('v'), ...parts.map(part => part.q)], 1)
  })
  const like = [k, v, ...sharing.map(() => q)]
  const [byKey, byValue, ...byQuery] = splitLike(concat(gradients, -1), 1, like) as [Tensor, Tensor]
  // The first query heads of all key heads, the second ones, ...: in their own order again.
  const shape = [dimension(q, 0), dimension(q, 1), kvHeads, 1, size]
  const ordered = reshape(
    concat(
      byQuery.map(part => reshape(part, shape)),
      3,
    ),
    q.shape,
  )
  return [mul(ordered, scalar(scale)), byKey, byValue]
}

/** What reaches q (scaled), k and v of one head. */
function headGradients(
  g: Tensor,
  { q, k, v, y }: Attention,
  mask: Tensor | null,
): Record<'q' | 'k' | 'v', Tensor> {
  const scores = matmul(q, swapLast(k))
  const p = softmax(mask === null ? scores : add(scores, mask))
  // Of softmax the sum over keys of p times what reaches it, which is g y.
  const through = mul(p, sub(matmul(g, swapLast(v)), reduceSum(mul(g, y), [-1])))
  return { q: matmul(through, k), k: matmul(swapLast(through), q), v: matmul(swapLast(p), g) }
}

const swapLast = (x: Tensor): Tensor => transpose(x, [0, 2, 1])

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
