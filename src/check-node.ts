import { totalmem } from 'node:os'
import { readModel } from './load.ts'
import type { Model } from './models/model.ts'
import { modelMaker } from './models/registry.ts'
import type { Matrices } from './precision.ts'
import { type Checkpoint, type CheckpointFiles, INDEX, readTable, weightsOf } from './weights/checkpoint.ts'
import { openCheckpoint, openFolder } from './weights/checkpoint-node.ts'
import {
  type HeldDType,
  heldBytes,
  heldDTypes,
  parameterCount,
  type Role,
  storedBytes,
} from './weights/footprint.ts'
import { findSnapshot } from './weights/hub/cache.ts'
import { missingFiles } from './weights/hub/files.ts'
import { Interrupted } from './weights/hub/http.ts'
import { parseModelId } from './weights/hub/model-id.ts'
import { openRemote } from './weights/hub/remote.ts'
import { findComplete, isFolder, online } from './weights/hub/resolve.ts'
import { hubOfEnvironment } from './weights/hub/settings.ts'
import type { StoredTensor } from './weights/safetensors.ts'

/** What can be known of a model before its weights are read, or even here. */
export interface ModelCheck {
  /** As it was given. */
  readonly model: string
  readonly source: 'folder' | 'cache' | 'hub'
  /** As `config.json` says; null when that cannot be read. */
  readonly modelType: string | null
  /** Whether it can be opened, once no file is missing. */
  readonly supported: boolean
  /** Why not, in one sentence. */
  readonly problem: string | null
  /** Files that it needs and that are not there. */
  readonly missing: readonly string[]
  /** null where the headers cannot be read. */
  readonly weights: {
    readonly parameters: number
    /** Bytes in the published files, by type: "F16". */
    readonly storedBytes: Readonly<Record<string, number>>
  } | null
  /** One entry for each way to hold the weights; none where the model is not supported. */
  readonly memory: readonly MemoryNeed[]
}

export interface MemoryNeed {
  readonly dtype: HeldDType
  /** Bytes of the weights that the model reads. */
  readonly weightsBytes: number
  /** Bytes of the keys and values of a prompt of `cachePositions`. */
  readonly cacheBytes: number
  readonly cachePositions: number
  /** Bytes of memory that this process may use. */
  readonly availableBytes: number
  readonly fits: boolean
}

/** A picture, its crop and a question take fewer positions in most models. */
const TYPICAL_POSITIONS = 2048

/**
 * Whether a model is supported, what memory it needs and what is missing, from its texts and the headers of its weights
 * alone. Of a model of the hub that is not in the cache the headers are read from there; nothing is kept.
 *
 * @throws an error of one sentence when there is no such model, or when the hub cannot be asked
 */
export async function checkModel(model: string, signal?: AbortSignal): Promise<ModelCheck> {
  const { source, files, open } = await findModel(model, signal)
  const config = await configOf(files)
  const modelType = modelTypeOf(config)
  const missing = await missingFiles(files.has, async name =>
    name === INDEX ? files.readJson(name) : config,
  )
  const facts = { model, source, modelType, missing }
  const used = new Map<string, StoredTensor>()
  let weights: ModelCheck['weights'] = null
  try {
    // An unsupported model is that first of all, whatever else it lacks.
    modelMaker(await files.readJson('config.json'))
    if (missing.length > 0) return { ...facts, supported: true, problem: null, weights, memory: [] }
    const checkpoint = await open()
    const all = checkpoint.tensors
    weights = { parameters: parameterCount(all.values()), storedBytes: storedBytes(all.values()) }
    const { model: built, matrices } = await readModel(noting(checkpoint, used), {})
    const memory = memoryNeeds(built, rolesOf(used, matrices))
    return { ...facts, supported: true, problem: null, weights, memory }
  } catch (error) {
    if (error instanceof Interrupted || signal?.aborted || !(error instanceof Error)) throw error
    return { ...facts, supported: false, problem: error.message, weights, memory: [] }
  }
}

interface FoundModel {
  readonly source: ModelCheck['source']
  readonly files: CheckpointFiles
  open(): Promise<Checkpoint>
}

async function findModel(idOrFolder: string, signal: AbortSignal | undefined): Promise<FoundModel> {
  const here = async (source: 'folder' | 'cache', folder: string): Promise<FoundModel> => ({
    source,
    files: await openFolder(folder),
    open: () => openCheckpoint(folder),
  })
  if (await isFolder(idOrFolder)) return here('folder', idOrFolder)
  const model = parseModelId(idOrFolder)
  const hub = await hubOfEnvironment()
  const complete = await findComplete(hub, model)
  if (complete !== null) return here('cache', complete)
  const begun = hub.offline ? await findSnapshot(hub.cache, model) : null
  if (begun !== null) return here('cache', begun)
  const files = await openRemote(online(hub, model), model, signal)
  return { source: 'hub', files, open: () => openHeaders(files) }
}

/** A checkpoint elsewhere: its tensors are known, and cannot be read. */
async function openHeaders(files: CheckpointFiles): Promise<Checkpoint> {
  const { source, tensors } = await readTable(files)
  return { ...files, ...weightsOf(source, '', tensors) }
}

/** null if there is none that can be read. */
async function configOf(files: CheckpointFiles): Promise<unknown> {
  if (!(await files.has('config.json'))) return null
  return files.readJson('config.json').catch(error => {
    if (error instanceof Interrupted) throw error
    return null
  })
}

function modelTypeOf(config: unknown): string | null {
  const modelType = (config as { model_type?: unknown } | null)?.model_type
  return typeof modelType === 'string' ? modelType : null
}

/** The same checkpoint, which notes what is read of it. */
const noting = (checkpoint: Checkpoint, used: Map<string, StoredTensor>): Checkpoint => ({
  ...checkpoint,
  tensor(name) {
    const tensor = checkpoint.tensor(name)
    used.set(name, tensor)
    return tensor
  },
})

type Used = readonly (readonly [StoredTensor, Role])[]

const rolesOf = (used: ReadonlyMap<string, StoredTensor>, matrices: Matrices): Used =>
  [...used].map(([name, tensor]) => [tensor, roleOf(name, matrices)])

function roleOf(name: string, { vision, language, shared }: Matrices): Role {
  if (shared.has(name)) return 'shared matrix'
  if (language.has(name)) return 'language matrix'
  return vision.has(name) ? 'vision matrix' : 'other'
}

function memoryNeeds({ language }: Model, used: Used): MemoryNeed[] {
  const { kvHeads, headSize } = language.cache
  const cachePositions = Math.min(language.maxPositions, TYPICAL_POSITIONS)
  const cacheBytes = 2 * 4 * language.layers * kvHeads * headSize * cachePositions
  const availableBytes = availableMemory()
  return heldDTypes.map(dtype => {
    const weightsBytes = heldBytes(used, dtype)
    const fits = weightsBytes + cacheBytes < availableBytes
    return { dtype, weightsBytes, cacheBytes, cachePositions, availableBytes, fits }
  })
}

/** What the machine has, or less where a container has a limit. */
function availableMemory(): number {
  const limit = process.constrainedMemory?.() || Number.POSITIVE_INFINITY
  return Math.min(totalmem(), limit)
}
