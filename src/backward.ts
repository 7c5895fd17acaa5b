import { type BackwardStep, backwardSteps, type Chain } from './grad/chain.ts'
import { float32Value, floats, type Value, type Values } from './onnx/session.ts'
import type { SessionCache } from './onnx/session-cache.ts'

/** The backward pass of a chain, step by step, so that what a step computes anew is gone before the next begins. */
export interface Backward {
  readonly steps: number
  /**
   * @param values at the cuts, and of the chain's other inputs, by name
   * @param gradient float32, what reaches the last cut, of its shape
   * @returns what reaches the first cut, of its shape
   */
  run(values: Values, gradient: Value, options?: BackwardOptions): Promise<Float32Array>
}

export interface BackwardOptions {
  readonly signal?: AbortSignal | undefined
  /** Called when a step is done. */
  readonly onStep?: () => void
}

/** @param name tells chains in one cache apart */
export function backwardPass(name: string, chain: Chain, sessions: SessionCache): Backward {
  const steps = backwardSteps(chain)
  const [first, last] = [Object.keys(chain.cuts)[0] as string, steps[0]?.from as string]
  const open = ({ from, graph }: BackwardStep) =>
    sessions.open(`${name}: ${from}`, () => graph, { inTurn: true })
  return {
    steps: steps.length,
    async run(values, gradient, { signal, onStep } = {}) {
      const reached = new Map([[last, gradient.data as Float32Array]])
      const spare: Float32Array[] = []
      for (const step of steps) {
        const session = await open(step)
        signal?.throwIfAborted()
        const { shape } = values[step.from] ?? gradient
        const data = take(reached, step.from)
        const into = step.to.map((cut): [string, Value] => [
          `gradient.${cut}`,
          roomFor(values[cut] as Value, spare),
        ])
        const feeds = { ...values, gradient: float32Value(data, shape) }
        const results = await session.run(feeds, Object.fromEntries(into))
        for (const cut of step.to) add(reached, cut, floats(results, `gradient.${cut}`))
        if (step.from !== last) spare.push(data)
        onStep?.()
      }
      return take(reached, first)
    },
  }
}

/** Memory of the size of a value: of a gradient that was used up, or new. */
function roomFor({ data, shape }: Value, spare: Float32Array[]): Value {
  const fitting = spare.findIndex(({ length }) => length === data.length)
  const [room = new Float32Array(data.length)] = fitting === -1 ? [] : spare.splice(fitting, 1)
  return float32Value(room, shape)
}

/** What has reached each cut from those behind it. */
type Reached = Map<string, Float32Array>

function take(reached: Reached, cut: string): Float32Array {
  const gradient = reached.get(cut) as Float32Array
  reached.delete(cut)
  return gradient
}

function add(reached: Reached, cut: string, part: Float32Array): void {
  const before = reached.get(cut)
  reached.set(cut, before === undefined ? part : before.map((value, i) => value + (part[i] as number)))
}
