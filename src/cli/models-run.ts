import { InvalidArgumentError } from 'commander'
import { checkModel, type MemoryNeed, type ModelCheck } from '../check-node.ts'
import { modelMaker } from '../models/registry.ts'
import { type CachedModel, listCache } from '../weights/hub/list.ts'
import { formatModelId, parseModelId } from '../weights/hub/model-id.ts'
import { pull } from '../weights/hub/pull.ts'
import { isFolder, online } from '../weights/hub/resolve.ts'
import { hubCache, hubOfEnvironment } from '../weights/hub/settings.ts'
import { byteText, labelledWithin, oneLine } from './print.ts'
import { bar, startProgress } from './progress.ts'

interface Flags {
  readonly json?: true
}

/** One line for each snapshot in the cache. */
export async function list({ json }: Flags): Promise<void> {
  const cache = hubCache()
  const models = (await listCache(cache)).map(describeCached)
  if (json) {
    for (const model of models) print(JSON.stringify(model))
  } else if (models.length === 0) {
    print(`no models in ${cache}. Get one with: vicrop models pull org/name`)
  } else {
    const width = Math.max(...models.map(({ name }) => name.length))
    for (const { name, bytes, modelType, state } of models) {
      print(`${name.padEnd(width)}  ${byteText(bytes).padStart(8)}  ${oneLine(modelType ?? '-')}: ${state}`)
    }
  }
}

interface Listed extends Omit<CachedModel, 'config'> {
  /** To be given to `--model`. */
  readonly name: string
  readonly modelType: string | null
  readonly supported: boolean
  readonly state: string
}

/** Characters; the hub's longest is half as long. */
const longestType = 80

function describeCached({ config, ...model }: CachedModel): Listed {
  const { id, commit, revisions, missing } = model
  const revision = revisions.includes('main') ? 'main' : (revisions[0] ?? commit)
  const { model_type: given } = (config ?? {}) as { model_type?: unknown }
  const modelType = typeof given === 'string' ? given.slice(0, longestType) : null
  const supported = isSupported(config)
  const state = supported ? (missing.length === 0 ? 'ready' : 'not complete') : 'not supported'
  return { name: formatModelId({ id, revision }), ...model, modelType, supported, state }
}

function isSupported(config: unknown): boolean {
  try {
    modelMaker(config)
    return true
  } catch {
    return false
  }
}

/** Downloads a model; prints the folder of its snapshot. */
export async function pullModel(id: string, { json }: Flags, signal: AbortSignal): Promise<void> {
  if (await isFolder(id).catch(() => true)) {
    throw new InvalidArgumentError(`${id}: is here already. Give the id of a model of the hub.`)
  }
  const model = parseModelId(id)
  const hub = online(await hubOfEnvironment(), model)
  const progress = startProgress(`asking ${hub.endpoint}`)
  try {
    const folder = await pull(hub, model, {
      signal,
      accept: modelMaker,
      onProgress: ({ doneBytes, totalBytes }) =>
        progress.say(`downloading ${byteText(totalBytes)} ${bar(doneBytes, totalBytes)}`),
    })
    progress.stop()
    print(json ? JSON.stringify({ ...model, folder }) : folder)
  } finally {
    progress.stop()
  }
}

/** Prints what a check found; the exit status is 1 when the model cannot be opened as it is. */
export async function check(model: string, { json }: Flags, signal: AbortSignal): Promise<void> {
  const progress = startProgress('reading headers')
  try {
    const found = await checkModel(model, signal)
    progress.stop()
    print(json ? JSON.stringify(found) : checkText(found))
    if (!found.supported || found.missing.length > 0) process.exitCode = 1
  } finally {
    progress.stop()
  }
}

const sources = {
  folder: 'a folder',
  cache: 'in the cache',
  hub: 'on the hub, not downloaded',
} as const

function checkText({
  model,
  source,
  modelType,
  supported,
  problem,
  missing,
  weights,
  memory,
}: ModelCheck): string {
  const lines: [string, string][] = [
    ['model', `${model} (${sources[source]})`],
    ['model_type', modelType ?? 'not known'],
    ['supported', supported ? 'yes' : `no: ${problem}`],
    ['missing', missing.length === 0 ? 'nothing' : missing.join(', ')],
  ]
  if (weights !== null) {
    const stored = Object.entries(weights.storedBytes).map(([dtype, bytes]) => `${dtype} ${byteText(bytes)}`)
    lines.push(['weights', `${countText(weights.parameters)} parameters: ${stored.join(', ')}`])
  }
  for (const need of memory) lines.push([`memory ${need.dtype}`, needText(need)])
  return labelledWithin(lines)
}

const needText = ({ weightsBytes, cacheBytes, cachePositions, availableBytes, fits }: MemoryNeed): string => {
  const parts = `${byteText(weightsBytes)} of weights, ${byteText(cacheBytes)} for ${cachePositions} positions`
  const here = `${fits ? 'fits into' : 'more than'} the ${byteText(availableBytes)} here`
  return `${byteText(weightsBytes + cacheBytes)} (${parts}); ${here}`
}

const countText = (count: number): string =>
  count >= 1e9
    ? `${(count / 1e9).toFixed(2)} billion`
    : count >= 1e6
      ? `${(count / 1e6).toFixed(1)} million`
      : String(count)

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
