import { type Dimension, formatShape, type Shape } from './dimension.ts'

export type DType =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'int8'
  | 'uint4'
  | 'bool'

/** ONNX `TensorProto.DataType` codes. */
export const dtypeCodes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
  uint4: 21,
}

export type Attribute = number | string | readonly number[] | { readonly float: number }

/** Where a weight's bytes lie: `length` bytes from `offset` of `file` (little-endian, row-major). */
export interface WeightSource {
  readonly name: string
  readonly file: string
  readonly offset: number
  readonly length: number
  /** The same bytes as the runtime arranges them for its products on this machine, in the same file. */
  readonly packed?: PackedSource
}

/** `key` is the runtime's own: it uses what it finds only if that is what it would have made itself. */
export interface PackedSource {
  readonly key: string
  readonly offset: number
  readonly length: number
}

/**
 * Every kind of node and the ONNX operator set that defines it. `Input`, `Weight` and `Constant` are the leaves of
 * an expression; they become graph inputs and initialisers.
 */
export const nodeKinds = {
  Input: 'leaf',
  Weight: 'leaf',
  Constant: 'leaf',
  Add: 'ai.onnx',
  ArgMax: 'ai.onnx',
  Cast: 'ai.onnx',
  Concat: 'ai.onnx',
  DequantizeLinear: 'ai.onnx',
  Div: 'ai.onnx',
  Erf: 'ai.onnx',
  Exp: 'ai.onnx',
  Expand: 'ai.onnx',
  Gather: 'ai.onnx',
  Gelu: 'ai.onnx',
  Gemm: 'ai.onnx',
  LayerNormalization: 'ai.onnx',
  LogSoftmax: 'ai.onnx',
  MatMul: 'ai.onnx',
  Mul: 'ai.onnx',
  Neg: 'ai.onnx',
  OneHot: 'ai.onnx',
  Pad: 'ai.onnx',
  ReduceMean: 'ai.onnx',
  ReduceSum: 'ai.onnx',
  Relu: 'ai.onnx',
  Reshape: 'ai.onnx',
  RMSNormalization: 'ai.onnx',
  Shape: 'ai.onnx',
  Sigmoid: 'ai.onnx',
  Sign: 'ai.onnx',
  Slice: 'ai.onnx',
  Softmax: 'ai.onnx',
  Split: 'ai.onnx',
  Sqrt: 'ai.onnx',
  Sub: 'ai.onnx',
  Tanh: 'ai.onnx',
  Transpose: 'ai.onnx',
  Trilu: 'ai.onnx',
  GroupQueryAttention: 'com.microsoft',
  MultiHeadAttention: 'com.microsoft',
  MatMulNBits: 'com.microsoft',
} as const

export type NodeKind = keyof typeof nodeKinds

/** What a node says of one of its results. */
export interface Result {
  readonly dtype: DType
  readonly shape: Shape
}

export const isFloat = ({ dtype }: Result): boolean =>
  dtype === 'float32' || dtype === 'float16' || dtype === 'bfloat16'

export interface Node {
  readonly kind: NodeKind
  /** `null` stands for an optional input that is left out. */
  readonly inputs: readonly (Tensor | null)[]
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly results: readonly Result[]
  /** The part of the model it was built for, as the checkpoint names it: "language_model.layers.3.self_attn". */
  readonly scope: string
  /** Of an `Input` its name, of a `Weight` its source, of a `Constant` its little-endian bytes. */
  readonly value?: string | WeightSource | Uint8Array
}

/** An immutable expression: the `index`-th result of a node. */
export interface Tensor extends Result {
  readonly node: Node
  readonly index: number
}

/** An expression that cannot be built: what was asked, what was found, and in which part of the model. */
export class GraphError extends Error {
  override name = 'GraphError'
  constructor(message: string) {
    super(currentScope === '' ? message : `${message}, at ${currentScope}`)
  }
}

let currentScope = ''

/** Builds under a scope, a full path such as "model.layers.3": it is given to every node made and every error. */
export function scoped<T>(scope: string, build: () => T): T {
  const outer = currentScope
  currentScope = scope
  try {
    return build()
  } finally {
    currentScope = outer
  }
}

export function makeNode(
  kind: NodeKind,
  inputs: readonly (Tensor | null)[],
  attributes: Readonly<Record<string, Attribute>>,
  results: readonly Result[],
  value?: string | WeightSource | Uint8Array,
): Node {
  const node = { kind, inputs, attributes, results, scope: currentScope }
  return value === undefined ? node : { ...node, value }
}

/** The `index`-th result of a node, as an expression. */
export function resultOf(node: Node, index: number): Tensor {
  const result = node.results[index]
  if (result === undefined) throw new GraphError(`${node.kind} has no result ${index}`)
  return { node, index, dtype: result.dtype, shape: result.shape }
}

/** The size of an axis; negative axes count from the end. */
export function dimension(x: Tensor, axis: number): Dimension {
  const size = x.shape[normalizeAxis(x, axis)]
  return size as Dimension
}

/** The axis counted from the first; `asking` is named in the error where there is no such axis. */
export function normalizeAxis(x: Tensor, axis: number, asking?: string): number {
  const rank = x.shape.length
  const normal = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank) {
    const asked = asking === undefined ? '' : `${asking}: `
    throw new GraphError(`${asked}axis ${axis} is outside ${formatShape(x.shape)}`)
  }
  return normal
}

/** The only result of a new node. */
export function make(
  kind: NodeKind,
  inputs: readonly Tensor[],
  dtype: DType,
  shape: Shape,
  attributes: Readonly<Record<string, Attribute>> = {},
): Tensor {
  return resultOf(makeNode(kind, inputs, attributes, [{ dtype, shape }]), 0)
}
