import type { InferenceSession, TensorConstructor } from 'onnxruntime-common'
import pLimit, { type LimitFunction } from 'p-limit'
import { type Graph, nodesOf } from '../graph/graph.ts'
import { add, input } from '../graph/ops.ts'
import type { WeightSource } from '../graph/tensor.ts'
import { compile } from './model.ts'
import type { Engine, Session, Values } from './session.ts'
import { explained, runnable } from './session-run.ts'

/** Where a browser computes; `cpu` is WebAssembly. */
export const webDevices = ['cpu', 'webgpu'] as const
export type WebDevice = (typeof webDevices)[number]

// Two builds of the runtime, each with a memory of its own; the one without webgpu is half as large. Bundlers copy the files
// that are named here, where each name has to be written out.
const builds = {
  cpu: {
    provider: 'wasm',
    load: () => import('onnxruntime-web/wasm'),
    wasm: new URL('onnxruntime-web/ort-wasm-simd-threaded.wasm', import.meta.url),
    mjs: new URL('onnxruntime-web/ort-wasm-simd-threaded.mjs', import.meta.url),
  },
  webgpu: {
    provider: 'webgpu',
    load: () => import('onnxruntime-web/webgpu'),
    wasm: new URL('onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm', import.meta.url),
    mjs: new URL('onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs', import.meta.url),
  },
} as const

/** The runtime, once it has started. */
export interface WebRuntime {
  readonly device: WebDevice
  create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>
  readonly Tensor: TensorConstructor
  /** It has the weights of one session at hand while it opens it, and waits for a device in one call at a time. */
  readonly inTurn: LimitFunction
}

const started = new Map<WebDevice, Promise<WebRuntime>>()

/**
 * Starts the runtime for a device, once in a page or worker.
 *
 * @param threads at the first call; null: the runtime chooses. One in a page that is not isolated
 * @throws an error that says what is missing
 */
export function startRuntime(device: WebDevice, threads: number | null): Promise<WebRuntime> {
  const runtime = started.get(device) ?? start(device, threads)
  started.set(device, runtime)
  runtime.catch(() => started.delete(device))
  return runtime
}

async function start(device: WebDevice, threads: number | null): Promise<WebRuntime> {
  const { provider, load, wasm, mjs } = builds[device]
  try {
    const { env, InferenceSession, Tensor } = await load()
    env.logLevel = 'fatal'
    // A thread is a worker that loads the .mjs; without one it would load the bundle, and what else is in there.
    env.wasm.wasmPaths ??= crossOriginIsolated ? { wasm, mjs } : { wasm }
    if (!crossOriginIsolated) env.wasm.numThreads = 1
    else if (threads !== null) env.wasm.numThreads = threads
    const x = input('x', 'float32', ['S'])
    const tried = await InferenceSession.create(compile({ outputs: { y: add(x, x) } }), {
      executionProviders: [provider],
    })
    await tried.release()
    return { device, Tensor, inTurn: pLimit(1), create: (...model) => InferenceSession.create(...model) }
  } catch (cause) {
    const { message } = cause as Error
    const reason = message.replace(/^no available backend found\. ERR: \[\w+\] /, '').replaceAll(/\s+/g, ' ')
    throw new Error(`device ${device}: ${remedies[device]} (${reason})`, { cause })
  }
}

const remedies: Readonly<Record<WebDevice, string>> = {
  cpu: 'the runtime does not start. Are the files of onnxruntime-web served with the page?',
  webgpu:
    'there is no graphics adapter that can be used, or the files of onnxruntime-web are not served with the page. Use device cpu, or another browser.',
}

export interface WebEngineOptions {
  readonly runtime: WebRuntime
  /** The bytes of a weight. */
  readonly read: (weight: WeightSource) => Promise<Uint8Array>
}

/** Sessions of onnxruntime-web. Each copies its weights into the memory of the runtime, or of the device. */
export function openWebEngine({ runtime, read }: WebEngineOptions): Engine {
  const { device, create, Tensor, inTurn } = runtime
  return {
    device,
    copiesWeights: true,
    open: (graph, { inTurn: isOneOfMany = false, host = isOneOfMany } = {}) =>
      inTurn(async () => {
        const externalData = await Promise.all(
          [...weightsOf(graph)].map(async ([path, weight]) => ({ path, data: await read(weight) })),
        )
        const options = sessionOptions(device, host)
        const session = await explained(graph, () => create(compile(graph), { ...options, externalData }))
        return webSession(runnable(session, graph, Tensor), inTurn)
      }),
  }
}

/** A graph's weights, each the only one in its file. */
const weightsOf = (graph: Graph): Map<string, WeightSource> =>
  new Map(
    nodesOf(graph)
      .filter(({ kind }) => kind === 'Weight')
      .map(({ value }) => [(value as WeightSource).file, value as WeightSource]),
  )

const sessionOptions = (device: WebDevice, host: boolean): InferenceSession.SessionOptions => ({
  executionProviders: [builds[host ? 'cpu' : device].provider],
  graphOptimizationLevel: 'all',
  // Fatal only: its errors are thrown.
  logSeverityLevel: 4,
  // Packed weights save a sixth of the time of large products. Where gradients need them as they are too, they are there twice.
  extra: { session: { disable_prepacking: host ? '1' : '0' } },
})

/** The runtime writes into no memory but its own, so outputs are copied to where they are wanted. */
const webSession = (session: Session, inTurn: LimitFunction): Session => ({
  async run(feeds, into = {}, wanted) {
    const results = await inTurn(() => session.run(feeds, {}, wanted))
    return { ...results, ...copied(results, into) }
  },
  release: () => inTurn(() => session.release()),
})

function copied(results: Values, into: Values): Values {
  const asked = Object.entries(into).filter(([name]) => name in results)
  for (const [name, { data }] of asked) (data as Float32Array).set(results[name]!.data as Float32Array)
  return Object.fromEntries(asked)
}
