import { requireShape } from './check.ts'
import { type Dimension, formatShape } from './dimension.ts'
import { cast, sub } from './elementwise.ts'
import { constant } from './leaves.ts'
import { reshape, runtimeSize } from './shape.ts'
import { dimension, GraphError, make, makeNode, type Result, resultOf, type Tensor } from './tensor.ts'

// Operators that do the work of many in one, for speed and memory.

/** Query heads, the key heads that they share evenly, and what scores are multiplied by. */
export interface AttentionHeads {
  readonly heads: number
  readonly kvHeads: number
  readonly scale: number
}

/**
 * Causal attention of S new positions over a cache of C places, which it extends.
 *
 * S new positions · H query heads · K key/value heads · D head size, a multiple of 8 · C places in the cache
 *
 * @param q [1,S,H*D], k and v [1,S,K*D]: positions already rotated in
 * @param pastKey [1,K,C,D], pastValue likewise. Where the caller binds the same memory as past and present, the
 *   operator writes the new keys and values in place and nothing is copied.
 * @param lastPosition int32 [1]: positions in the cache after this step, minus one
 * @param totalLength int32 []: positions in the cache after this step
 * @returns attended [1,S,H*D], presentKey and presentValue [1,K,C,D]
 */
export function groupQueryAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  pastKey: Tensor,
  pastValue: Tensor,
  lastPosition: Tensor,
  totalLength: Tensor,
  options: AttentionHeads,
): [attended: Tensor, presentKey: Tensor, presentValue: Tensor] {
  const { kvHeads } = options
  const [places, size] = [dimension(pastKey, 2), dimension(pastKey, 3)]
  requireHeads('groupQueryAttention', [q, k, v], size, options)
  requireShape('groupQueryAttention: pastKey', pastKey, [1, kvHeads, places, size])
  requireShape('groupQueryAttention: pastValue', pastValue, [1, kvHeads, places, size])
  requireShape('groupQueryAttention: lastPosition', lastPosition, [1])
  requireShape('groupQueryAttention: totalLength', totalLength, [])
  const inputs = [q, k, v, pastKey, pastValue, lastPosition, totalLength]
  const node = makeNode(
    'GroupQueryAttention',
    inputs,
    attributesOf(options),
    [q, pastKey, pastValue].map(resultLike),
  )
  return [resultOf(node, 0), resultOf(node, 1), resultOf(node, 2)]
}

/**
 * Causal attention of S positions among themselves.
 *
 * S positions · H query heads · K key/value heads · D head size, a multiple of 8
 *
 * @param q [1,S,H*D], k and v [1,S,K*D]: positions already rotated in
 * @returns [1,S,H*D]
 */
export function causalAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionHeads): Tensor {
  const { heads, kvHeads } = options
  const [positions, size] = [dimension(q, 1), (dimension(q, 2) as number) / heads]
  requireHeads('causalAttention', [q, k, v], size, options)
  const length = cast(runtimeSize(positions, q), 'int32')
  const lastPosition = sub(length, constant([1], 'int32', [1]))
  const inputs = [q, k, v, null, null, lastPosition, reshape(length, [])]
  // Without its keys and values as results the operator would hold the probabilities of all heads.
  const present = { dtype: q.dtype, shape: [1, kvHeads, positions, size] }
  const node = makeNode('GroupQueryAttention', inputs, attributesOf(options), [
    resultLike(q),
    present,
    present,
  ])
  return resultOf(node, 0)
}

const attributesOf = ({ heads, kvHeads, scale }: AttentionHeads) => ({
  num_heads: heads,
  kv_num_heads: kvHeads,
  scale: { float: scale },
})

const resultLike = ({ dtype, shape }: Tensor): Result => ({ dtype, shape })

/** That q is [1,S,H*D], k and v [1,S,K*D], with heads of a size that the operator takes. */
function requireHeads(
  name: string,
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  size: Dimension,
  { heads, kvHeads }: AttentionHeads,
): void {
  if (typeof size !== 'number' || size % 8 !== 0)
    throw new GraphError(`${name}: a head has ${size} channels, expected a multiple of 8`)
  if (heads % kvHeads !== 0)
    throw new GraphError(`${name}: ${heads} query heads do not share ${kvHeads} key heads evenly`)
  const positions = dimension(q, 1)
  requireShape(`${name}: q`, q, [1, positions, heads * size])
  requireShape(`${name}: k`, k, [1, positions, kvHeads * size])
  requireShape(`${name}: v`, v, [1, positions, kvHeads * size])
}

/**
 * Attention of every position to every other, whose probabilities are never all in memory at once.
 *
 * B pictures · S queries · T keys · H heads · D head size
 *
 * @param q [B,S,H*D], k and v [B,T,H*D]
 * @returns [B,S,H*D]
 */
export function multiHeadAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  { heads, scale }: { readonly heads: number; readonly scale: number },
): Tensor {
  const [batch, queries, width] = q.shape
  if (q.shape.length !== 3 || typeof width !== 'number' || width % heads !== 0)
    throw new GraphError(`multiHeadAttention: q is ${formatShape(q.shape)}, not of ${heads} equal heads`)
  requireShape('multiHeadAttention: k', k, [batch as Dimension, dimension(k, 1), width])
  requireShape('multiHeadAttention: v', v, k.shape)
  const attributes = { num_heads: heads, scale: { float: scale } }
  return make(
    'MultiHeadAttention',
    [q, k, v],
    q.dtype,
    [batch as Dimension, queries as Dimension, width],
    attributes,
  )
}
