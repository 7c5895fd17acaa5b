import { checkOneOf, checkThreads, during, type LoadOptions, loadFrom } from './load.ts'
import type { Mllm } from './mllm.ts'
import { modelMaker } from './models/registry.ts'
import { openWebEngine, startRuntime, type WebDevice, webDevices } from './onnx/session-web.ts'
import { storeOf } from './precision.ts'
import { openCheckpoint, pickedFiles, type WebFiles } from './weights/files-web.ts'
import { floatWeights } from './weights/floats-web.ts'
import { parseModelId } from './weights/hub/model-id.ts'
import { openAddress, openHub } from './weights/remote-web.ts'

/** A checkpoint: the address of its folder, an id of the hub, or its files. */
export type ModelSource = string | URL | Iterable<File>

export interface OpenOptions extends LoadOptions {
  /** Where the encoder and the decoder compute: cpu, which is WebAssembly, or webgpu. Default: cpu. */
  readonly device?: WebDevice
  /**
   * Threads of the runtime, which a page or worker starts once: the first model opened there for a device says how many.
   * More than one needs a page that is isolated from other origins (COOP and COEP). Default: the runtime's choice, at most 4.
   */
  readonly threads?: number
}

/** Opens a checkpoint. Weights that come over the net are kept by the browser, and read from there. */
export async function load(source: ModelSource, options: OpenOptions = {}): Promise<Mllm> {
  const { threads = null, device = 'cpu', signal } = options
  checkThreads(threads)
  checkOneOf('device', device, webDevices)
  try {
    const { mllm } = await loadFrom(options, async () => {
      const runtime = await startRuntime(device, threads)
      const files = await filesOf(source, signal)
      modelMaker(await files.readJson('config.json'))
      const checkpoint = await openCheckpoint(files)
      return {
        name: files.folder,
        checkpoint,
        async prepare() {
          const names = new Set([...checkpoint.tensors.values()].map(tensor => tensor.file))
          const blobs = await files.bring([...names], during('downloading', options))
          const weights = floatWeights(checkpoint, blobs)
          const read = ({ file }: { readonly file: string }): Promise<Uint8Array> => weights.read(file)
          return { store: storeOf(weights), engine: openWebEngine({ runtime, read }) }
        },
      }
    })
    return mllm
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

async function filesOf(source: ModelSource, signal: AbortSignal | undefined): Promise<WebFiles> {
  if (source instanceof URL) return openAddress(source, signal)
  if (typeof source !== 'string') return pickedFiles(source)
  if (isAddress(source)) return openAddress(new URL(source, location.href), signal)
  return openHub(parseModelId(source, 'the address of a folder'), signal)
}

/** `org/name` is an id of the hub, `./org/name` an address. */
const isAddress = (text: string): boolean => /^(?:[a-z]+:|\.{0,2}\/)/i.test(text)
