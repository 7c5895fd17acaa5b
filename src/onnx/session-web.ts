import type { InferenceSession, TensorConstructor } from 'onnxruntime-common'
import pLimit, { type LimitFunction } from 'p-limit'
import { type Graph, nodesOf } from '../graph/graph.ts'
import { add, input } from '../graph/ops.ts'
import type { WeightSource } from '../graph/tensor.ts'
import { compile } from './model.ts'
import type { Engine, Session, Values } from './session.ts'
import { explained, runnable } from './session-run.ts'

/** Where a browser computes: `cpu` is WebAssembly. */
export const webDevices = ['cpu', 'webgpu'] as const
export type WebDevice = (typeof webDevices)[number]

/** What is used of onnxruntime-web, and in turn: it holds one graph's weights at a time, and awaits one call at a time. */
export interface WebRuntime {
  readonly device: WebDevice
  readonly create: (model: Uint8Array, options: InferenceSession.SessionOptions) => Promise<InferenceSession>
  readonly Tensor: TensorConstructor
  readonly inTurn: LimitFunction
}

// Two builds of the runtime, each with a memory of its own; the one without webgpu is half as large.
const builds = {
  cpu: () => import('onnxruntime-web/wasm'),
  webgpu: () => import('onnxruntime-web/webgpu'),
}

const runtimes = new Map<WebDevice, Promise<WebRuntime>>()

/**
 * The runtime for a device, started once in a page or worker.
 *
 * @param threads of the runtime, as the first call says; null: the runtime chooses
 * @throws an error that says what is missing
 */
export function openRuntime(device: WebDevice, threads: number | null): Promise<WebRuntime> {
  const runtime = runtimes.get(device) ?? startRuntime(device, threads)
  runtimes.set(device, runtime)
  runtime.catch(() => runtimes.delete(device))
  return runtime
}

async function startRuntime(device: WebDevice, threads: number | null): Promise<WebRuntime> {
  const ort = await builds[device]()
  ort.env.logLevel = 'fatal'
  if (threads !== null) ort.env.wasm.numThreads = threads
  const create = (model: Uint8Array, options: InferenceSession.SessionOptions) =>
    ort.InferenceSession.create(model, options)
  const x = input('x', 'float32', ['S'])
  const session = await create(compile({ outputs: { y: add(x, x) } }), {
    executionProviders: [providers[device]],
  })
  await session.release()
  return { device, create, Tensor: ort.Tensor, inTurn: pLimit(1) }
}

const providers = { cpu: 'wasm', webgpu: 'webgpu' } as const

export interface WebEngineOptions {
  readonly runtime: WebRuntime
  /** The bytes of a weight, which the runtime copies into its own memory when a session is opened. */
  readonly read: (weight: WeightSource) => Promise<Uint8Array>
}

export function openWebEngine({ runtime, read }: WebEngineOptions): Engine {
  const { device, create, inTurn, Tensor } = runtime
  return {
    device,
    copiesWeights: true,
    async open(graph, { inTurn: sparing = false, host = sparing } = {}) {
      return inTurn(async () => {
        const weights = weightsOf(graph)
        const externalData = await Promise.all(
          [...weights].map(async ([path, weight]) => ({ path, data: await read(weight) })),
        )
        const session = await explained(graph, () =>
          create(compile(graph), { ...sessionOptions(host ? 'cpu' : device, sparing), externalData }),
        )
        return webSession(runnable(session, graph, Tensor), inTurn)
      })
    },
  }
}

const weightsOf = (graph: Graph): Map<string, WeightSource> =>
  new Map(
    nodesOf(graph).flatMap(({ kind, value }) =>
      kind === 'Weight' ? [[(value as WeightSource).file, value as WeightSource]] : [],
    ),
  )

function sessionOptions(device: WebDevice, sparing: boolean): InferenceSession.SessionOptions {
  return {
    executionProviders: [providers[device]],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4,
    enableCpuMemArena: !sparing,
    extra: { session: { disable_prepacking: '1' } },
  }
}

/** The runtime does not write into memory that is given to it. */
function webSession(session: Session, inTurn: LimitFunction): Session {
  return {
    release: () => inTurn(() => session.release()),
    async run(feeds, into = {}, wanted) {
      const results = await inTurn(() => session.run(feeds, {}, wanted))
      return { ...results, ...written(results, into) }
    },
  }
}

function written(results: Values, into: Values): Values {
  for (const [name, { data }] of Object.entries(into)) {
    const result = results[name]
    if (result !== undefined) (data as Float32Array).set(result.data as Float32Array)
  }
  return Object.fromEntries(Object.entries(into).filter(([name]) => name in results))
}
