import * as ort from 'onnxruntime-node'
import type { Graph } from '../graph/graph.ts'
import type { DType } from '../graph/tensor.ts'
import { compile } from './model.ts'
import type { Engine, Session, Value, Values } from './session.ts'

export interface NodeEngineOptions {
  /** The folder at or above the weight files, to which the weights' `file` names are relative. */
  readonly weightsRoot: string
  /** Threads inside one operator; null: the runtime chooses. */
  readonly threads: number | null
}

/** Sessions of onnxruntime-node on the CPU provider; all of them share the weights' memory-mapped files. */
export function openNodeEngine({ weightsRoot, threads }: NodeEngineOptions): Engine {
  return {
    device: 'cpu',
    async open(graph, { inTurn = false } = {}) {
      const model = compile(graph)
      const options = sessionOptions(weightsRoot, threads, inTurn)
      const session = await explained(graph, () => ort.InferenceSession.create(model, options))
      return nodeSession(session, graph)
    },
  }
}

/** The runtime's errors have several lines and name places in its source: say first which graph it was and what to do. */
async function explained<T>(graph: Graph, work: () => Promise<T>): Promise<T> {
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
  [/allocate memory|bad_alloc/, 'not enough memory. Use a smaller model or close other programs.'],
  [/^/, 'the graph and what is fed to it do not fit. Please report this.'],
]

function sessionOptions(
  weightsRoot: string,
  threads: number | null,
  inTurn: boolean,
): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    // Fatal only: its errors are thrown, and standard error belongs to whoever calls.
    logSeverityLevel: 4,
    ...(threads === null ? {} : { intraOpNumThreads: threads }),
    enableCpuMemArena: !inTurn,
    extra: {
      session: {
        // Packed weights would be a private copy in every session; unpacked ones stay in the mapped file.
        disable_prepacking: '1',
        // A model is several sessions that run in turn: the threads of all others would spin beside those at work.
        intra_op: { allow_spinning: '0' },
        model_external_initializers_file_folder_path: weightsRoot,
      },
    },
  }
}

function nodeSession(session: ort.InferenceSession, graph: Graph): Session {
  const inputs = new Set(session.inputNames)
  const needed = (feeds: Values): Values =>
    Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name)))
  const fetches = Object.fromEntries(Object.keys(graph.outputs).map(name => [name, null]))
  return {
    async run(feeds, into = {}) {
      const results = await explained(graph, () =>
        session.run(toTensors(needed(feeds)), { ...fetches, ...toTensors(into) }),
      )
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromTensor(tensor)]))
    },
    release: () => session.release(),
  }
}

const toTensors = (values: Values): Record<string, ort.Tensor> =>
  Object.fromEntries(
    Object.entries(values).map(([name, { dtype, data, shape }]) => [
      name,
      new ort.Tensor(dtype as ort.Tensor.Type, data as ort.Tensor.DataType, shape),
    ]),
  )

const fromTensor = (tensor: ort.Tensor): Value => ({
  dtype: tensor.type as DType,
  shape: tensor.dims,
  data: tensor.data as Value['data'],
})
