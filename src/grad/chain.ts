import { type Graph, nodesOf, replace, replacementOf, replacements } from '../graph/graph.ts'
import { input } from '../graph/ops.ts'
import type { Tensor } from '../graph/tensor.ts'
import { vjp } from './grad.ts'

/**
 * An expression with places where it is cut, to be differentiated step by step from its end. All that a backward pass
 * needs of the forward one is the values at the cuts: what lies between two of them is computed again, and its memory is
 * free before the step below begins.
 */
export interface Chain {
  /**
   * By name, each computed from those before it. The first is an input, by which the last one is differentiated. Every
   * way from the first to the last goes through cuts alone.
   */
  readonly cuts: Readonly<Record<string, Tensor>>
  /** Values that are at hand anyway and are not computed again: a tensor, and an expression of inputs that has them. */
  readonly known?: readonly (readonly [what: Tensor, by: Tensor])[]
}

/** What reaches the cuts below a cut of what reaches it. */
export interface BackwardStep {
  readonly from: string
  /** The cuts from which the one above is computed directly. */
  readonly to: readonly string[]
  /** `gradient`, of the shape of the cut, and values at cuts, by their names, -> `gradient.NAME` for each of `to`. */
  readonly graph: Graph
}

/** The forward pass up to some cuts, which are its outputs. */
export const forwardTo = ({ cuts }: Chain, names: readonly string[]): Graph => ({
  outputs: Object.fromEntries(names.map(name => [name, cuts[name] as Tensor])),
})

/** The backward pass of a chain, from the last cut down. */
export function backwardSteps(chain: Chain): BackwardStep[] {
  const names = Object.keys(chain.cuts)
  return names
    .slice(1)
    .reverse()
    .map(name => backwardStep(chain, name, names.slice(0, names.indexOf(name))))
}

function backwardStep({ cuts, known = [] }: Chain, from: string, below: readonly string[]): BackwardStep {
  const end = cuts[from] as Tensor
  const stored = below.map(name => {
    const cut = cuts[name] as Tensor
    return [cut, input(name, cut.dtype, cut.shape)] as const
  })
  const ends = replacements(stored)
  const inside = new Set(nodesOf({ outputs: { end } }, x => replacementOf(x, ends) !== undefined))
  const looked = known.filter(([what]) => inside.has(what.node))
  // Cuts become inputs before differentiation, so that it ends there; known values behind it, so that it does not.
  const [piece, ...computed] = replace([end, ...looked.map(([what]) => what)], ends) as [Tensor, ...Tensor[]]
  const used = new Set(nodesOf({ outputs: { piece } }))
  const starts = stored.map(([, x]) => x).filter(x => used.has(x.node))
  const to = starts.map(x => x.node.value as string)
  const gradients = vjp(piece, input('gradient', 'float32', piece.shape), starts)
  const lookups = replacements(computed.map((what, i) => [what, looked[i]?.[1] as Tensor]))
  const outputs = replace(gradients, lookups).map((g, i) => [`gradient.${to[i]}`, g] as const)
  return { from, to, graph: { outputs: Object.fromEntries(outputs) } }
}
