import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { quote, WeightsError } from './error.ts'

/** "org/name" or "org/name@revision", in the characters and without the runs that the hub allows. */
const MODEL_ID = /^(?<id>[\w.-]{1,96}\/[\w.-]{1,96})(?:@(?<revision>.+))?$/
const FORBIDDEN_IN_ID = /--|\.\.|(?:^|\/)[.-]|[.-](?:\/|$)/

const COMMIT = /^[0-9a-f]{40}$/

/**
 * The folder of a checkpoint: a folder is taken as it is, `org/name` or `org/name@revision` is looked up in the Hugging
 * Face cache (`HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`, as the Python tools read them). A revision is a branch, a tag
 * or a full commit; without one it is "main". A folder goes before an id of the same name.
 *
 * @throws WeightsError that says where it looked and how to get the model
 */
export async function resolveModel(idOrFolder: string): Promise<string> {
  const found = await stat(idOrFolder).catch(() => null)
  if (found?.isDirectory()) return idOrFolder
  if (found !== null) throw new WeightsError(`${idOrFolder}: is a file; give the checkpoint's folder.`)
  const { id, revision } = parseId(idOrFolder)
  return findSnapshot(id, revision)
}

function parseId(text: string): { id: string; revision: string } {
  const { id, revision = 'main' } = MODEL_ID.exec(text)?.groups ?? {}
  if (id === undefined || FORBIDDEN_IN_ID.test(id)) {
    throw new WeightsError(
      `${quote(text)}: is neither a folder nor a model id; give a folder or "org/name[@revision]".`,
    )
  }
  if (!isRevision(revision)) {
    throw new WeightsError(
      `${quote(text)}: ${quote(revision)} is not a revision; give a branch, a tag or a commit.`,
    )
  }
  return { id, revision }
}

/** A branch may have slashes ("refs/pr/1"), and becomes a path: every part of it is a plain name. */
const isRevision = (revision: string): boolean =>
  revision.split('/').every(part => /^\w[\w.+-]{0,95}$/.test(part))

async function findSnapshot(id: string, revision: string): Promise<string> {
  const model = join(hubCache(), `models--${id.replace('/', '--')}`)
  const commit = COMMIT.test(revision) ? revision : await readRef(model, revision)
  const snapshot = commit === null ? null : join(model, 'snapshots', commit)
  if (snapshot !== null && (await stat(snapshot).catch(() => null))?.isDirectory()) return snapshot
  const download = `hf download ${id}${revision === 'main' ? '' : ` --revision ${revision}`}`
  throw new WeightsError(
    `${id}: revision ${revision} is not in ${model}; run "${download}", or give a folder.`,
  )
}

async function readRef(model: string, revision: string): Promise<string | null> {
  const text = await readFile(join(model, 'refs', ...revision.split('/')), 'utf8').catch(() => null)
  if (text === null) return null
  const commit = text.trim()
  if (COMMIT.test(commit)) return commit
  throw new WeightsError(
    `${model}: the reference ${revision} holds ${quote(commit)}, not a commit; download it again.`,
  )
}

function hubCache(): string {
  const { HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = process.env
  return (
    HF_HUB_CACHE || join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), 'hub')
  )
}
