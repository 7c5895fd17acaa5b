import type { Node, Tensor } from './tensor.ts'

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
