import { type CheckpointFiles, MAX_TEXT_BYTES, parseJson } from '../checkpoint.ts'
import { quote, WeightsError } from '../error.ts'
import { type ByteSource, readSafetensors } from '../safetensors.ts'
import { inspectFile, openRepository, type RemoteFile, type Repository } from './api.ts'
import { ask, askAgain, textOf } from './http.ts'
import { formatModelId, type ModelId } from './model-id.ts'
import type { Hub } from './settings.ts'

/** Headers of most shards are smaller, so that one request reads them. */
const FIRST_BYTES = 128 * 1024

/** The files of a checkpoint on the hub, read where they lie: texts as a whole, of weights the headers alone. */
export async function openRemote(hub: Hub, model: ModelId, signal?: AbortSignal): Promise<CheckpointFiles> {
  const repository = await openRepository(hub, model, signal)
  const folder = formatModelId(model)
  const inspect = (name: string): Promise<RemoteFile> => {
    if (!repository.files.has(name)) throw new WeightsError(`${folder}: has no ${quote(name)} on the hub.`)
    return inspectFile(hub, repository, name, signal)
  }
  const readText = async (name: string): Promise<string> => {
    const { address } = await inspect(name)
    return askAgain(signal, async () =>
      textOf(await ask(hub, address, { model, what: name, signal }), name, MAX_TEXT_BYTES),
    )
  }
  return {
    folder,
    readText,
    readJson: async name => parseJson(await readText(name), name),
    has: async name => repository.files.has(name),
    readTensors: async name => readSafetensors(remoteSource(hub, repository, await inspect(name), signal)),
  }
}

function remoteSource(
  hub: Hub,
  { model }: Repository,
  file: RemoteFile,
  signal: AbortSignal | undefined,
): ByteSource {
  const fetchRange = (offset: number, length: number): Promise<Uint8Array> =>
    askAgain(signal, () => readRange(hub, model, file, offset, length, signal))
  let first: Promise<Uint8Array> | null = null
  return {
    file: file.path,
    size: file.size,
    async read(offset, length) {
      if (offset + length > FIRST_BYTES) return fetchRange(offset, length)
      first ??= fetchRange(0, Math.min(FIRST_BYTES, file.size))
      return (await first).slice(offset, offset + length)
    },
  }
}

async function readRange(
  hub: Hub,
  model: ModelId,
  file: RemoteFile,
  offset: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const range = { from: offset, to: offset + length - 1 }
  const answer = await ask(hub, file.address, { model, what: file.path, signal, ...range })
  const bytes = new Uint8Array(length)
  // A server without ranges sends the file from its start.
  let at = answer.status === 206 ? 0 : -offset
  for await (const part of answer.body()) {
    const useful = part.subarray(Math.max(0, -at), Math.max(0, length - at))
    bytes.set(useful, Math.max(0, at))
    at += part.length
    if (at >= length) break
  }
  return bytes.subarray(0, Math.max(0, Math.min(at, length)))
}
