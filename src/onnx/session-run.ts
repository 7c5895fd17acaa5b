import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-common'
import type { Graph } from '../graph/graph.ts'
import type { DType } from '../graph/tensor.ts'
import type { Session, Value, Values } from './session.ts'

// What onnxruntime-node and onnxruntime-web have in common.

/** The runtime's errors have several lines and name places in its source: say first which graph it was and what to do. */
export async function explained<T>(graph: Graph, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const text = (cause as Error).message.replaceAll(/\s+/g, ' ').trim()
    const reason = text.replace(/^.*\[ONNXRuntimeError\] : \d+ : \w+ : /, '')
    const [first, ...others] = Object.keys(graph.outputs)
    const name = others.length === 0 ? first : `${first} and ${others.length} more`
    const remedy = remedies.find(([pattern]) => pattern.test(reason))?.[1]
    throw new Error(`session for ${name}: ${remedy} (${reason})`, { cause })
  }
}

const remedies: readonly (readonly [RegExp, string])[] = [
  [
    /External (data|initializer)|Deserialize tensor/,
    'a weight cannot be read from its file. Download the checkpoint again.',
  ],
  [/requires f16/, 'the graphics adapter has no numbers of 16 bits. Use another dtype.'],
  [/allocate memory|bad_alloc/, 'not enough memory. Use a smaller model or close other programs.'],
  [/^/, 'the graph and what is fed to it do not fit. Please report this.'],
]

/** A session of the runtime as the rest knows it. */
export function runnable(session: InferenceSession, graph: Graph, tensor: TensorConstructor): Session {
  const inputs = new Set(session.inputNames)
  const needed = (feeds: Values): Values =>
    Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name)))
  const outputs = Object.keys(graph.outputs)
  return {
    async run(feeds, into = {}, wanted = outputs) {
      const fetches = Object.fromEntries(wanted.map(name => [name, null]))
      const results = await explained(graph, () =>
        session.run(toTensors(needed(feeds), tensor), { ...fetches, ...toTensors(into, tensor) }),
      )
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromTensor(tensor)]))
    },
    release: () => session.release(),
  }
}

const toTensors = (values: Values, TensorOf: TensorConstructor): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(values).map(([name, { dtype, data, shape }]) => [
      name,
      new TensorOf(dtype as Tensor.Type, data as Tensor.DataType, shape),
    ]),
  )

const fromTensor = (tensor: Tensor): Value => ({
  dtype: tensor.type as DType,
  shape: tensor.dims,
  data: tensor.data as Value['data'],
})
