import { effect, signal } from '@preact/signals'
import type { Engine } from './engine.ts'
import { openLocal } from './local-engine.ts'
import { findServer, openServer, type ServerFacts } from './server-engine.ts'

/** Where answers are made: on the server that the page comes from, or in the browser, on one of its devices. */
export type Place = 'server' | 'cpu' | 'webgpu'

export const places = signal<readonly Place[]>([])
export const place = signal<Place | null>(null)
export const server = signal<ServerFacts | null>(null)
export const key = signal('')
export const engine = signal<Engine | null>(null)
/** How much of the model is there, 0 to 1. */
export const openShare = signal(0)
export const openProblem = signal<string | null>(null)
/** Why WebAssembly computes, where WebGPU was chosen. */
export const gpuProblem = signal<string | null>(null)

export async function start(): Promise<void> {
  server.value = await findServer().catch(() => null)
  const hasGpu = (await navigator.gpu?.requestAdapter().catch(() => null)) ?? null
  places.value = [
    ...(server.value ? (['server'] as const) : []),
    'cpu',
    ...(hasGpu ? (['webgpu'] as const) : []),
  ]
  place.value = places.value[0] ?? 'cpu'
}

let opening = new AbortController()

/** Opens what is chosen, in place of what was open. */
effect(() => {
  const [chosen, facts, secret] = [place.value, server.value, key.value]
  opening.abort()
  engine.peek()?.close()
  engine.value = null
  if (chosen === null || (chosen === 'server' && facts?.needsKey && secret === '')) return
  opening = new AbortController()
  void open(chosen, secret, opening.signal)
})

async function open(chosen: Place, secret: string, signal: AbortSignal): Promise<void> {
  openProblem.value = null
  openShare.value = 0
  if (chosen !== 'cpu') gpuProblem.value = null
  const onShare = (share: number): void => {
    openShare.value = share
  }
  try {
    const facts = server.peek()
    const opened =
      chosen === 'server' && facts !== null
        ? await openServer(facts, secret)
        : await openLocal(chosen === 'webgpu' ? 'webgpu' : 'cpu', onShare, signal)
    if (!signal.aborted) engine.value = opened
  } catch (error) {
    if (!signal.aborted) failed(chosen, (error as Error).message)
  }
}

/** An adapter is no promise that the runtime can use it. */
function failed(chosen: Place, message: string): void {
  if (chosen === 'webgpu') {
    gpuProblem.value = message
    place.value = 'cpu'
  } else openProblem.value = `The model cannot be opened: ${message}`
}

/** The model, once one is open. */
export const openedEngine = (signal: AbortSignal): Promise<Engine> =>
  new Promise((resolve, reject) => {
    const stop = effect(() => {
      if (engine.value !== null) resolve(engine.value)
      if (openProblem.value !== null) reject(new Error(openProblem.value))
    })
    signal.addEventListener('abort', () => {
      stop()
      reject(signal.reason)
    })
  })
