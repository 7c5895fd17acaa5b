import { oneLine, WeightsError } from '../error.ts'
import { ask, askAgain, textOf } from './http.ts'
import { parseListing } from './listing.ts'
import type { ModelId } from './model-id.ts'
import type { Hub } from './settings.ts'

/** A model of the hub at one commit. */
export interface Repository {
  readonly model: ModelId
  /** What the revision stands for now. */
  readonly commit: string
  /** Paths of its files. */
  readonly files: ReadonlySet<string>
}

/** A file of a repository, and what it has to be. */
export interface RemoteFile {
  /** Its path there: "config.json". */
  readonly path: string
  readonly address: string
  /** Names the content: a sha256 for large files, git's sha1 for small ones. */
  readonly etag: string
  /** Bytes. */
  readonly size: number
}

/** Some repositories have tens of thousands of files, with about 100 bytes for each. */
const MAX_LISTING_BYTES = 50_000_000

/** The files of a model at a revision. */
export async function openRepository(hub: Hub, model: ModelId, signal?: AbortSignal): Promise<Repository> {
  const address = `${hub.endpoint}/api/models/${model.id}/revision/${encodeURIComponent(model.revision)}`
  const what = `the files of ${model.id}`
  const text = await askAgain(signal, async () =>
    textOf(await ask(hub, address, { model, what, signal }), what, MAX_LISTING_BYTES),
  )
  const { sha, siblings } = parseListing(text, hub.endpoint, 'check HF_ENDPOINT')
  return { model, commit: sha, files: new Set(siblings.map(file => file.rfilename)) }
}

/** Size and hash of a file, from the headers of its address. */
export async function inspectFile(
  hub: Hub,
  { model, commit }: Repository,
  path: string,
  signal?: AbortSignal,
): Promise<RemoteFile> {
  const encoded = path.split('/').map(encodeURIComponent).join('/')
  const address = `${hub.endpoint}/${model.id}/resolve/${commit}/${encoded}`
  const isEnough = (headers: Headers): boolean => headers.has('x-linked-etag') && headers.has('x-linked-size')
  const { headers } = await askAgain(signal, async () => {
    const answer = await ask(hub, address, { model, what: path, method: 'HEAD', isEnough, signal })
    await answer.discard()
    return answer
  })
  const etag = normalised(headers.get('x-linked-etag') ?? headers.get('etag'))
  const size = wholeNumber(headers.get('x-linked-size') ?? headers.get('content-length'))
  if (etag === null || size === null) {
    throw new WeightsError(
      `${hub.endpoint}: states neither size nor ETag of ${oneLine(path)}; check HF_ENDPOINT.`,
    )
  }
  return { path, address, etag, size }
}

/** `W/"abc"` is abc. It becomes a file's name. */
function normalised(etag: string | null): string | null {
  return /^(?:W\/)?"?(?<name>[0-9A-Za-z][\w-]{0,127})"?$/.exec(etag ?? '')?.groups?.name ?? null
}

const wholeNumber = (text: string | null): number | null =>
  text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null
