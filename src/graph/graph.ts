import { type Node, resultOf, type Tensor } from './tensor.ts'

/** Named results, and with them everything they are computed from. */
export interface Graph {
  readonly outputs: Readonly<Record<string, Tensor>>
}

/** The nodes a graph needs, every node after its inputs. Depth is bounded by memory, not by the call stack. */
export function nodesOf(graph: Graph): Node[] {
  const done = new Set<Node>()
  const pending = Object.values(graph.outputs).map(tensor => tensor.node)
  pending.reverse()
  while (pending.length > 0) {
    const node = pending.at(-1) as Node
    const missing = node.inputs.flatMap(x => (x === null || done.has(x.node) ? [] : [x.node]))
    if (missing.length === 0) {
      done.add(node)
      pending.pop()
    } else {
      pending.push(...missing.reverse())
    }
  }
  return [...done]
}

export const inputsOf = (graph: Graph): Tensor[] =>
  nodesOf(graph).flatMap(node =>
    node.kind === 'Input' ? [{ node, index: 0, ...node.results[0] } as Tensor] : [],
  )

/** Each of `tensors` computed anew with one tensor in the place of another wherever it is used: [what, by what]. */
export function replace(
  tensors: readonly Tensor[],
  pairs: readonly (readonly [what: Tensor, by: Tensor])[],
): Tensor[] {
  const remade = new Map<Node, Node>()
  const placed = (x: Tensor): Tensor => {
    const by = pairs.find(([what]) => isSame(what, x))?.[1]
    return by ?? resultOf(remade.get(x.node) ?? x.node, x.index)
  }
  for (const node of nodesOf({ outputs: Object.fromEntries(tensors.entries()) })) {
    const inputs = node.inputs.map(x => x && placed(x))
    const isChanged = inputs.some((x, i) => x !== null && !isSame(x, node.inputs[i] as Tensor))
    if (isChanged) remade.set(node, { ...node, inputs })
  }
  return tensors.map(placed)
}

/** Whether two expressions are the same result of the same node. */
const isSame = (a: Tensor, b: Tensor): boolean => a.node === b.node && a.index === b.index
