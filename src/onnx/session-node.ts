import * as ort from 'onnxruntime-node'
import { type Graph, nodesOf } from '../graph/graph.ts'
import { add, input } from '../graph/ops.ts'
import type { WeightSource } from '../graph/tensor.ts'
import { compile } from './model.ts'
import type { Device, Engine, Session, Value } from './session.ts'
import { explained, runnable } from './session-run.ts'

/** "1.30.0" */
export const runtimeVersion: string = ort.env.versions.node ?? ort.env.versions.common

export interface NodeEngineOptions {
  /** The folder at or above the weight files, to which the weights' `file` names are relative. */
  readonly weightsRoot: string
  /** Threads inside one operator; null: the runtime chooses. */
  readonly threads: number | null
  /** Default: cpu. */
  readonly device?: Device
}

/**
 * Sessions of onnxruntime-node. Those on the CPU share the weights' memory-mapped files; another device computes what it
 * has kernels for and leaves the rest to the CPU.
 */
export function openNodeEngine(where: NodeEngineOptions): Engine {
  const { device = 'cpu' } = where
  return {
    device,
    copiesWeights: device !== 'cpu',
    async open(graph, { inTurn = false, host = inTurn } = {}) {
      const model = compile(graph)
      const options = sessionOptions(where, graph, host ? 'cpu' : device, host || expandsWeights(graph))
      const session = await explained(graph, () => ort.InferenceSession.create(model, options))
      return withoutCopies(runnable(session, graph, ort.Tensor))
    },
  }
}

/**
 * The runtime gives copies of outputs back even where it has written them to the memory it was told to. A copy of a cache
 * may be a gigabyte, and the garbage collector takes its time.
 */
const withoutCopies = (session: Session): Session => ({
  ...session,
  async run(feeds, into = {}, wanted) {
    const results = await session.run(feeds, into, wanted)
    const written = Object.entries(into).filter(([name]) => name in results)
    const own = new Set(written.map(([, { data }]) => data.buffer))
    const given = written.map(([name]) => (results[name] as Value).data.buffer)
    free(given.filter(buffer => !own.has(buffer)) as ArrayBuffer[])
    return { ...results, ...Object.fromEntries(written) }
  },
})

/** Memory that is sent to where nobody receives it is gone in the next turn of events. */
function free(memory: ArrayBuffer[]): void {
  if (memory.length === 0) return
  const { port1, port2 } = new MessageChannel()
  port2.close()
  port1.postMessage(null, memory)
  port1.close()
}

/**
 * Opens nothing but a graph of one node on a device, to say what is missing before anything is read.
 *
 * @throws an error that says what to install
 */
export async function requireDevice(device: Device): Promise<void> {
  if (device === 'cpu') return
  // What fails is thrown, and standard error belongs to whoever calls.
  ort.env.logLevel = 'fatal'
  const x = input('x', 'float32', ['S'])
  try {
    const model = compile({ outputs: { y: add(x, x) } })
    const session = await ort.InferenceSession.create(model, {
      executionProviders: [device],
      logSeverityLevel: 4,
    })
    await session.release()
  } catch (cause) {
    const reason = (cause as Error).message
      .replace(/^.* was false\. /s, '')
      .replaceAll(/\s+/g, ' ')
      .trim()
    throw new Error(`device ${device}: ${missing[device]} (${reason})`, { cause })
  }
}

const missing: Readonly<Record<Exclude<Device, 'cpu'>, string>> = {
  webgpu:
    'there is no graphics adapter that can be used. Install its driver (on Linux with Vulkan, and libvulkan1), or use device cpu.',
  cuda: 'is not installed beside onnxruntime-node. On Linux x64 with CUDA 12 and cuDNN 9 run ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node, or use device webgpu or cpu.',
}

function sessionOptions(
  { weightsRoot, threads }: NodeEngineOptions,
  graph: Graph,
  device: Device,
  isSparing: boolean,
): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    graphOptimizationLevel: 'all',
    // Fatal only: its errors are thrown, and standard error belongs to whoever calls.
    logSeverityLevel: 4,
    ...(threads === null ? {} : { intraOpNumThreads: threads }),
    // An arena keeps what one run has needed, and twice that for what becomes float32, however seldom there is a next.
    enableCpuMemArena: !isSparing,
    extra: {
      ...(expandsWeights(graph) ? { optimization: { disable_specified_optimizers: expanding } } : {}),
      session: {
        // Packed weights are a private copy in every session, but for those that the mapped file has packed.
        disable_prepacking: hasPacked(graph) ? '0' : '1',
        // A model is several sessions that run in turn: the threads of all others would spin beside those at work.
        intra_op: { allow_spinning: '0' },
        model_external_initializers_file_folder_path: weightsRoot,
      },
    },
  }
}

const hasPacked = (graph: Graph): boolean =>
  nodesOf(graph).some(({ kind, value }) => kind === 'Weight' && (value as WeightSource).packed !== undefined)

/** Whether weights that are stored in fewer bits become float32 somewhere in a graph. */
const expandsWeights = (graph: Graph): boolean =>
  nodesOf(graph).some(
    ({ kind, inputs }) =>
      kind === 'DequantizeLinear' || (kind === 'Cast' && inputs[0]?.node.kind === 'Weight'),
  )

/** What would do that once and keep the float32 form, when the session is opened. */
const expanding = 'ConstantFolding;FuseFp16InitializerToFp32NodeTransformer'
