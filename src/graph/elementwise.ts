import { broadcast, requireFloat, sameType } from './check.ts'
import { type Attribute, type DType, dtypeCodes, make, type NodeKind, type Tensor } from './tensor.ts'

// Operators that work on each element by itself, with broadcasting.

export const add = (a: Tensor, b: Tensor): Tensor => elementwise('Add', a, b)
export const sub = (a: Tensor, b: Tensor): Tensor => elementwise('Sub', a, b)
export const mul = (a: Tensor, b: Tensor): Tensor => elementwise('Mul', a, b)
export const div = (a: Tensor, b: Tensor): Tensor => elementwise('Div', a, b)

export const neg = (x: Tensor): Tensor => unary('Neg', x)
export const exp = (x: Tensor): Tensor => unary('Exp', requireFloat('exp', x))
export const erf = (x: Tensor): Tensor => unary('Erf', requireFloat('erf', x))
export const sqrt = (x: Tensor): Tensor => unary('Sqrt', requireFloat('sqrt', x))
/** -1, 0 or 1. */
export const sign = (x: Tensor): Tensor => unary('Sign', x)
export const relu = (x: Tensor): Tensor => unary('Relu', x)
export const sigmoid = (x: Tensor): Tensor => unary('Sigmoid', requireFloat('sigmoid', x))
export const tanh = (x: Tensor): Tensor => unary('Tanh', requireFloat('tanh', x))
export const gelu = (x: Tensor, approximate: 'none' | 'tanh' = 'none'): Tensor =>
  unary('Gelu', requireFloat('gelu', x), { approximate })

export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x
  return make('Cast', [x], dtype, x.shape, { to: dtypeCodes[dtype] })
}

function unary(kind: NodeKind, x: Tensor, attributes: Readonly<Record<string, Attribute>> = {}): Tensor {
  return make(kind, [x], x.dtype, x.shape, attributes)
}

function elementwise(kind: NodeKind, a: Tensor, b: Tensor): Tensor {
  const name = kind.toLowerCase()
  sameType(name, a, b)
  return make(kind, [a, b], a.dtype, broadcast(name, a, b, a.shape, b.shape))
}
