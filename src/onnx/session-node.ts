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
  const options = sessionOptions(weightsRoot, threads)
  return {
    device: 'cpu',
    async open(graph) {
      const session = await ort.InferenceSession.create(compile(graph), options)
      return nodeSession(session, graph)
    },
  }
}

function sessionOptions(weightsRoot: string, threads: number | null): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    ...(threads === null ? {} : { intraOpNumThreads: threads }),
    extra: {
      session: {
        // Packed weights would be a private copy in every session; unpacked ones stay in the mapped file.
        disable_prepacking: '1',
        model_external_initializers_file_folder_path: weightsRoot,
      },
    },
  }
}

function nodeSession(session: ort.InferenceSession, graph: Graph): Session {
  const fetches = Object.fromEntries(Object.keys(graph.outputs).map(name => [name, null]))
  return {
    async run(feeds, into = {}) {
      const results = await session.run(toTensors(feeds), { ...fetches, ...toTensors(into) })
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
