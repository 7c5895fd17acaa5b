import { type Node, resultOf, type Tensor } from './tensor.ts'

/** Named results, and with them everything they are computed from. */
export interface Graph {
  readonly outputs: Readonly<Record<string, Tensor>>
}

/**
 * The nodes a graph needs, every node after its inputs. Depth is bounded by memory, not by the call stack.
 *
 * @param isEnd of tensors that are taken as they are: what they are computed from is left out
 */
export function nodesOf(graph: Graph, isEnd: (x: Tensor) => boolean = () => false): Node[] {
  const done = new Set<Node>()
  const pending = Object.values(graph.outputs).flatMap(x => (isEnd(x) ? [] : [x.node]))
  pending.reverse()
  while (pending.length > 0) {
    const node = pending.at(-1) as Node
    const missing = node.inputs.flatMap(x => (x === null || done.has(x.node) || isEnd(x) ? [] : [x.node]))
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

/** Tensors, and by which each is replaced. */
export type Replacements = ReadonlyMap<Node, readonly { readonly index: number; readonly by: Tensor }[]>

export function replacements(pairs: readonly (readonly [what: Tensor, by: Tensor])[]): Replacements {
  const found = new Map<Node, { index: number; by: Tensor }[]>()
  for (const [{ node, index }, by] of pairs) found.set(node, [...(found.get(node) ?? []), { index, by }])
  return found
}

export const replacementOf = ({ node, index }: Tensor, all: Replacements): Tensor | undefined =>
  all.get(node)?.find(one => one.index === index)?.by

/** Each of `tensors` computed anew with one tensor in the place of another wherever it is used. */
export function replace(tensors: readonly Tensor[], all: Replacements): Tensor[] {
  const remade = new Map<Node, Node>()
  const placed = (x: Tensor): Tensor =>
    replacementOf(x, all) ?? resultOf(remade.get(x.node) ?? x.node, x.index)
  const outputs = Object.fromEntries(tensors.entries())
  for (const node of nodesOf({ outputs }, x => replacementOf(x, all) !== undefined)) {
    const isChanged = node.inputs.some(x => x !== null && (remade.has(x.node) || all.has(x.node)))
    if (isChanged) remade.set(node, { ...node, inputs: node.inputs.map(x => x && placed(x)) })
  }
  return tensors.map(placed)
}
