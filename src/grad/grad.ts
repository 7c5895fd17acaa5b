import { requireShape } from '../graph/check.ts'
import { formatShape, sizeOf } from '../graph/dimension.ts'
import { nodesOf } from '../graph/graph.ts'
import { add, constant } from '../graph/ops.ts'
import {
  GraphError,
  isFloat,
  type Node,
  resultOf,
  scoped,
  type Tensor,
  type WeightSource,
} from '../graph/tensor.ts'
import { rules } from './rules.ts'

/**
 * An expression for dy/dx of each x asked for.
 *
 * @param y one number, float32
 * @returns for each x a tensor of its shape and type
 * @throws GraphError as `vjp` does
 */
export function grad(y: Tensor, xs: readonly Tensor[]): Tensor[] {
  if (sizeOf(y.shape) !== 1 || y.dtype !== 'float32')
    throw new GraphError(`grad: expected one float32 number, found ${y.dtype}${formatShape(y.shape)}`)
  return vjp(y, constant([1], 'float32', y.shape), xs)
}

/**
 * Reverse-mode differentiation, a vector-Jacobian product: an expression, made of ordinary nodes, for what reaches each
 * x of what reaches y.
 *
 * Only what lies between y and some x is walked; an x may be any tensor on the way, not only an input. What the rules
 * build beside the way asked for is not part of the result and never runs. A node's gradient is built under the node's
 * scope and "/gradient". Through whole numbers (indices, sizes) nothing flows.
 *
 * @param g the gradient of y, of its shape
 * @returns for each x a tensor of its shape and type
 * @throws GraphError if y does not depend on an x, or if an operator on the way has no gradient
 */
export function vjp(y: Tensor, g: Tensor, xs: readonly Tensor[]): Tensor[] {
  requireShape('grad: the gradient', g, y.shape)
  const nodes = nodesOf({ outputs: { y } })
  const way: Way = { y, xs, nodes: nodesFrom(xs, nodes) }
  const gradients: Gradients = new Map()
  accumulate(gradients, y, g)
  for (const node of nodes.toReversed()) if (way.nodes.has(node)) propagate(node, gradients, way)
  return xs.map(x => {
    const g = gradients.get(x.node)?.[x.index]
    if (g === undefined) throw new GraphError(`grad: ${describe(y)} does not depend on ${describe(x)}`)
    return g
  })
}

/** What is differentiated by what, and the nodes between. */
interface Way {
  readonly y: Tensor
  readonly xs: readonly Tensor[]
  readonly nodes: ReadonlySet<Node>
}

/** The sum of what has reached each result of a node so far. */
type Gradients = Map<Node, (Tensor | undefined)[]>

/** Those of `nodes` that are computed from some x. */
function nodesFrom(xs: readonly Tensor[], nodes: readonly Node[]): ReadonlySet<Node> {
  const found = new Set<Node>()
  for (const node of nodes) {
    if (node.inputs.some(input => input !== null && isOnTheWay(input, xs, found))) found.add(node)
  }
  return found
}

const isOnTheWay = (tensor: Tensor, xs: readonly Tensor[], nodes: ReadonlySet<Node>): boolean =>
  isFloat(tensor) &&
  (nodes.has(tensor.node) || xs.some(x => x.node === tensor.node && x.index === tensor.index))

/** Gives what has reached a node's result to those of its inputs that are on the way. */
function propagate(node: Node, gradients: Gradients, way: Way): void {
  const reached = gradients.get(node)
  if (reached === undefined) return
  const rule = rules[node.kind]
  const [g] = reached
  if (rule === 'no gradient' || g === undefined) throw noGradient(node, way)
  const parts = scoped(gradientScope(node), () => rule(g, node.inputs as never, resultOf(node, 0), node))
  for (const [i, input] of node.inputs.entries()) {
    const part = parts[i]
    if (input !== null && part && isOnTheWay(input, way.xs, way.nodes)) accumulate(gradients, input, part)
  }
}

function accumulate(gradients: Gradients, { node, index }: Tensor, g: Tensor): void {
  const sums = gradients.get(node) ?? []
  const before = sums[index]
  sums[index] = before === undefined ? g : scoped(gradientScope(node), () => add(before, g))
  gradients.set(node, sums)
}

const gradientScope = ({ scope }: Node): string => (scope === '' ? 'gradient' : `${scope}/gradient`)

function noGradient(node: Node, { y, xs }: Way): GraphError {
  const below = new Set(nodesOf({ outputs: { end: resultOf(node, 0) } }))
  const from = xs.filter(x => below.has(x.node)).map(describe)
  const message = `grad: ${node.kind} has no gradient, on the way from ${from.join(', ')} to ${describe(y)}`
  return scoped(node.scope, () => new GraphError(message))
}

function describe({ node, shape }: Tensor): string {
  const name = typeof node.value === 'string' ? node.value : (node.value as WeightSource | undefined)?.name
  return `${name ?? node.kind} ${formatShape(shape)}`
}
