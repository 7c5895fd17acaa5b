import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { WeightsError } from '../error.ts'
import { findSnapshot, modelFolder, sizeAt } from './cache.ts'
import { missingFiles } from './files.ts'
import { formatModelId, type ModelId, parseModelId } from './model-id.ts'
import { type PullOptions, pull } from './pull.ts'
import { type Hub, hubOfEnvironment } from './settings.ts'

/**
 * The folder of a checkpoint. A folder is taken as it is. `org/name` or `org/name@revision` is looked up in the Hugging
 * Face cache and, if it is not there or not all of it, fetched into it. What is there is used without asking the hub
 * whether there is something newer. A folder goes before an id of the same name.
 *
 * @throws WeightsError in one sentence that says what to do; the signal's reason when aborted
 */
export async function resolveModel(idOrFolder: string, options: PullOptions = {}): Promise<string> {
  if (await isFolder(idOrFolder)) return idOrFolder
  const model = parseModelId(idOrFolder)
  const hub = await hubOfEnvironment()
  return (await findComplete(hub, model)) ?? pull(online(hub, model), model, options)
}

/** @throws WeightsError for a file */
export async function isFolder(idOrFolder: string): Promise<boolean> {
  const found = await stat(idOrFolder).catch(() => null)
  if (found === null || found.isDirectory()) return found !== null
  throw new WeightsError(`${idOrFolder}: is a file; give the checkpoint's folder.`)
}

/** The snapshot in the cache that has all that a model needs, or null. */
export async function findComplete(hub: Hub, model: ModelId): Promise<string | null> {
  const snapshot = await findSnapshot(hub.cache, model)
  if (snapshot === null) return null
  return (await missingInFolder(snapshot)).length === 0 ? snapshot : null
}

/** Names of the files that a model needs and a folder lacks. */
export async function missingInFolder(folder: string): Promise<string[]> {
  const has = async (name: string): Promise<boolean> => (await sizeAt(join(folder, name))) !== null
  return missingFiles(has, async name => parsed(await readFile(join(folder, name), 'utf8')))
}

/** An index that is no JSON names no shards, and a config nothing to look for. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The hub, where it may be asked. */
export function online(hub: Hub, model: ModelId): Hub {
  if (!hub.offline) return hub
  const where = modelFolder(hub.cache, model.id)
  throw new WeightsError(
    `${formatModelId(model)}: is not complete in ${where}, and HF_HUB_OFFLINE is set; unset it, or give a folder.`,
  )
}
