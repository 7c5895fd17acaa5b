import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, platform } from 'node:os'
import { type LoadOptions, readModel } from '../load.ts'
import { demoModel } from '../load-node.ts'
import { modelMaker } from '../models/registry.ts'
import { runtimeVersion } from '../onnx/session-node.ts'
import { openCheckpoint } from '../weights/checkpoint-node.ts'
import { checkpointHash } from '../weights/hash-node.ts'
import { resolveModel } from '../weights/hub/resolve.ts'
import { questionsHash } from './key-node.ts'
import type { OpenBenchmark } from './read-node.ts'
import type { ModelFacts, Provenance, Settings, Way } from './row.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

export const vicropVersion: string = version

/** What is known of a model before its weights are read. */
export interface KnownModel extends ModelFacts {
  /** How many layers of its connector attend to the picture. */
  readonly connectorLayerCount: number
}

export interface KnowOptions extends Pick<LoadOptions, 'fit' | 'maxPixels' | 'prompt'> {
  readonly onProgress?: (progress: KnowProgress) => void
  readonly signal?: AbortSignal
}

export interface KnowProgress {
  readonly stage: 'downloading' | 'hashing'
  readonly doneBytes: number
  readonly totalBytes: number
}

/**
 * Reads a model's texts and headers, and hashes its files, after it has been downloaded if need be.
 *
 * @param idOrFolder the demo model if left out
 * @throws an error of one sentence for a checkpoint that cannot be opened with these options
 */
export async function knowModel(idOrFolder?: string, options: KnowOptions = {}): Promise<KnownModel> {
  const { signal, onProgress } = options
  const during = (stage: KnowProgress['stage']) => ({
    onProgress: (bytes: Omit<KnowProgress, 'stage'>): void => onProgress?.({ stage, ...bytes }),
    ...(signal && { signal }),
  })
  const folder = await resolveModel(idOrFolder ?? demoModel, {
    ...during('downloading'),
    accept: modelMaker,
  })
  const { model } = await readModel(await openCheckpoint(folder), options)
  return {
    name: idOrFolder ?? 'demo',
    hash: await checkpointHash(folder, during('hashing')),
    modelType: model.modelType,
    inputSize: model.inputSize,
    layerCount: model.language.layers,
    layers: model.defaultLayers,
    connectorLayerCount: model.connector?.layers ?? 0,
  }
}

export interface RunPlace {
  readonly device: string
  /** undefined: one a core. */
  readonly threads: number | undefined
  /** The address of who answers in place of the model. */
  readonly answerer?: string | undefined
}

/** How a run that begins now is made. */
export function newRun(
  known: KnownModel,
  { benchmark, onDisk, questions }: OpenBenchmark,
  settings: Settings,
  ways: readonly Way[],
  { device, threads = availableParallelism(), answerer }: RunPlace,
): Provenance {
  const startedAt = new Date().toISOString()
  const { connectorLayerCount: _, ...model } = known
  return {
    id: `${startedAt.replaceAll(/[-:]|\.\d+/g, '')}-${randomBytes(4).toString('hex')}`,
    startedAt,
    versions: { vicrop: vicropVersion, onnxruntime: runtimeVersion, node: process.version },
    machine: { platform: `${platform()} ${arch()}`, cpu: cpus()[0]?.model ?? 'unknown', threads, device },
    model,
    settings,
    benchmark: {
      name: benchmark.name,
      form: onDisk.form as 'published' | 'parquet',
      questionCount: questions.length,
      hash: questionsHash(questions),
    },
    ways,
    ...(answerer !== undefined && { answerer }),
  }
}
