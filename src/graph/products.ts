import {
  broadcast,
  mismatch,
  requireFloat,
  requireIndices,
  requireRank,
  requireVector,
  sameSize,
  sameType,
} from './check.ts'
import { constant, integers } from './leaves.ts'
import { dimension, make, normalizeAxis, type Tensor } from './tensor.ts'

// Matrix products, normalisation, and what adds up over an axis.

/** Batched matrix product: [...,M,K] x [...,K,N] -> [...,M,N], leading axes broadcast. */
export function matmul(a: Tensor, b: Tensor): Tensor {
  sameType('matmul', a, b)
  requireRank('matmul', a, 2)
  requireRank('matmul', b, 2)
  sameSize('matmul: inner sizes differ', a, -1, b, -2)
  const batch = broadcast('matmul', a, b, a.shape.slice(0, -2), b.shape.slice(0, -2))
  return make('MatMul', [a, b], a.dtype, [...batch, dimension(a, -2), dimension(b, -1)])
}

/** `x w^T + bias`: [M,K] x [N,K] (+ [N]) -> [M,N]. Weights keep the layout in which checkpoints store them. */
export function gemm(x: Tensor, w: Tensor, bias: Tensor | null = null): Tensor {
  sameType('gemm', x, w)
  if (x.shape.length !== 2 || w.shape.length !== 2) throw mismatch('gemm: expected two matrices', x, w)
  sameSize('gemm: inner sizes differ', x, 1, w, 1)
  if (bias !== null) requireVector('gemm: the bias does not fit the weight', w, 0, bias)
  const inputs = bias === null ? [x, w] : [x, w, bias]
  return make('Gemm', inputs, x.dtype, [dimension(x, 0), dimension(w, 0)], { transB: 1 })
}

export function softmax(x: Tensor, axis = -1): Tensor {
  requireFloat('softmax', x)
  return make('Softmax', [x], x.dtype, x.shape, { axis: normalizeAxis(x, axis, 'softmax') })
}

/** The logarithm of the softmax, exact where the softmax itself would vanish. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  const normal = normalizeAxis(x, axis, 'logSoftmax')
  return make('LogSoftmax', [requireFloat('logSoftmax', x)], x.dtype, x.shape, { axis: normal })
}

/** Over the last axis; `scale` and `bias` have its size. */
export function layerNormalization(x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): Tensor {
  requireFloat('layerNormalization', x)
  requireVector('layerNormalization: the scale does not fit', x, -1, scale)
  requireVector('layerNormalization: the bias does not fit', x, -1, bias)
  return make('LayerNormalization', [x, scale, bias], x.dtype, x.shape, {
    axis: -1,
    epsilon: { float: epsilon },
  })
}

/** Over the last axis; `scale` has its size. */
export function rmsNormalization(x: Tensor, scale: Tensor, epsilon: number): Tensor {
  requireFloat('rmsNormalization', x)
  requireVector('rmsNormalization: the scale does not fit', x, -1, scale)
  return make('RMSNormalization', [x, scale], x.dtype, x.shape, { axis: -1, epsilon: { float: epsilon } })
}

/** Mean over one axis, which is dropped. */
export function reduceMean(x: Tensor, axis: number): Tensor {
  const normal = normalizeAxis(x, axis, 'reduceMean')
  return make('ReduceMean', [x, integers(normal)], x.dtype, x.shape.toSpliced(normal, 1), { keepdims: 0 })
}

/** Sum over some axes, which are kept with size 1. */
export function reduceSum(x: Tensor, axes: readonly number[]): Tensor {
  const normal = axes.map(axis => normalizeAxis(x, axis, 'reduceSum'))
  if (normal.length === 0) return x
  const shape = x.shape.map((size, axis) => (normal.includes(axis) ? 1 : size))
  return make('ReduceSum', [x, integers(...normal)], x.dtype, shape, { keepdims: 1 })
}

/** Where an axis, which is dropped, has its largest number; the first such place. int64. */
export function argMax(x: Tensor, axis = -1): Tensor {
  const normal = normalizeAxis(x, axis, 'argMax')
  return make('ArgMax', [x], 'int64', x.shape.toSpliced(normal, 1), { axis: normal, keepdims: 0 })
}

/** 1 at an index and 0 elsewhere: [...] -> float32 [...,depth]. */
export function oneHot(indices: Tensor, depth: number): Tensor {
  requireIndices('oneHot', indices)
  const inputs = [indices, integers(depth), constant([0, 1], 'float32', [2])]
  return make('OneHot', inputs, 'float32', [...indices.shape, depth], { axis: -1 })
}
