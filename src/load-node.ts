import { fileURLToPath } from 'node:url'
import { checkOneOf, checkThreads, during, type LoadOptions, loadFrom, type Ready } from './load.ts'
import type { Mllm } from './mllm.ts'
import { modelMaker } from './models/registry.ts'
import { type Device, devices } from './onnx/session.ts'
import { openNodeEngine, requireDevice } from './onnx/session-node.ts'
import { prepareWeights } from './precision-node.ts'
import { type WeightType, weightTypes } from './weight-types.ts'
import { openCheckpoint } from './weights/checkpoint-node.ts'
import type { Conversion } from './weights/convert-node.ts'
import { resolveModel } from './weights/hub/resolve.ts'

/** The checkpoint that comes with the package. */
export const demoModel: string = fileURLToPath(new URL('../demo/model', import.meta.url))

export interface OpenOptions extends LoadOptions {
  /** Where the encoder and the decoder compute: cpu, webgpu or cuda. Default: cpu. */
  readonly device?: Device
  /** In what numbers the weights are kept: f32, f16, q8 or q4. Default: f32. */
  readonly dtype?: WeightType
  /** Threads inside one operator. Default: the runtime's choice. */
  readonly threads?: number
  /** Where converted weights are kept. Default: `VICROP_CACHE`, or `vicrop` in the user's cache folder. */
  readonly cacheFolder?: string
}

export interface Loaded {
  readonly mllm: Mllm
  /** null when the published weights are used as they are. */
  readonly converted: Conversion | null
}

interface ReadyInNode extends Ready {
  readonly converted: Conversion | null
}

/**
 * Opens a checkpoint. Reads its JSON files and headers; the weights stay in their files.
 *
 * @param idOrFolder a folder, or an id of the hub: found in the Hugging Face cache, or fetched into it
 */
export async function load(idOrFolder: string, options: OpenOptions = {}): Promise<Loaded> {
  const { threads = null, dtype = 'f32', device = 'cpu', cacheFolder } = options
  checkThreads(threads)
  checkOneOf('dtype', dtype, weightTypes)
  checkOneOf('device', device, devices)
  const { mllm, ready } = await loadFrom<ReadyInNode>(options, async () => {
    await requireDevice(device)
    const downloading = during('downloading', options)
    const folder = await resolveModel(idOrFolder, { ...downloading, accept: modelMaker })
    const checkpoint = await openCheckpoint(folder)
    return {
      name: idOrFolder === demoModel ? 'demo' : idOrFolder,
      checkpoint,
      async prepare(matrices) {
        const { store, root, converted } = await prepareWeights(checkpoint, dtype, matrices, {
          ...during('converting', options),
          ...(cacheFolder === undefined ? {} : { cacheFolder }),
        })
        return { store, converted, engine: openNodeEngine({ weightsRoot: root, threads, device }) }
      },
    }
  })
  return { mllm, converted: ready.converted }
}
