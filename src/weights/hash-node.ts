import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { defaultCacheFolder } from './cache-node.ts'
import { INDEX, parseIndex, SINGLE } from './checkpoint.ts'
import { openFolder } from './checkpoint-node.ts'
import { unreadable } from './file-node.ts'
import { identityOf } from './floats-node.ts'
import { type Home, homeOf, locate } from './home-node.ts'

/** All that is read of a checkpoint beside its weights. */
const texts = [
  'config.json',
  'generation_config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'chat_template.json',
  'qformer_tokenizer/tokenizer.json',
  'qformer_tokenizer/tokenizer_config.json',
]

/** Bytes. Files from here on are hashed once: it takes about a second a gigabyte. */
const large = 32 * 2 ** 20

export interface HashOptions {
  /** Default: `VICROP_CACHE`, or `vicrop` in the user's cache folder. */
  readonly cacheFolder?: string
  readonly onProgress?: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => void
  readonly signal?: AbortSignal
}

/**
 * SHA-256 of a checkpoint, in hexadecimal: of its configuration, tokenizers, processors and weights, as their files are. The
 * same wherever it lies, in a folder or in the Hugging Face cache, where large files are called by their hashes and not read.
 *
 * @throws WeightsError for a file that cannot be read; the signal's reason when aborted
 */
export async function checkpointHash(folder: string, options: HashOptions = {}): Promise<string> {
  const home = await homeOf(folder)
  const files = await filesOf(home)
  const sizes = await Promise.all(files.map(async ({ path }) => (await stat(path)).size))
  const totalBytes = sizes.reduce((sum, size) => sum + size, 0)
  const whole = createHash('sha256')
  let doneBytes = 0
  for (const [i, { name, path }] of files.entries()) {
    const onBytes = (bytes: number): void =>
      options.onProgress?.({ doneBytes: doneBytes + bytes, totalBytes })
    whole.update(
      `${await hashOf(home, { name, path, size: sizes[i] as number }, onBytes, options)} ${name}\n`,
    )
    doneBytes += sizes[i] as number
  }
  return whole.digest('hex')
}

interface Found {
  readonly name: string
  /** Links resolved. */
  readonly path: string
}

/** Those that are there, in an order of their own. */
async function filesOf(home: Home): Promise<Found[]> {
  const { has, readJson } = await openFolder(home.folder)
  const weights = (await has(SINGLE))
    ? [SINGLE]
    : (await has(INDEX))
      ? [INDEX, ...new Set(parseIndex(await readJson(INDEX), INDEX).values())]
      : []
  const found = await Promise.all(
    [...texts, ...weights].toSorted().map(async name => ({ name, path: await locate(home, name) })),
  )
  return found.flatMap(({ name, path }) => (path === null ? [] : [{ name, path }]))
}

async function hashOf(
  home: Home,
  { name, path, size }: Found & { readonly size: number },
  onBytes: (bytes: number) => void,
  options: HashOptions,
): Promise<string> {
  if (home.hubModel !== null && /^[0-9a-f]{64}$/.test(basename(path))) return basename(path)
  if (size < large) return contentHash(path, name, onBytes, options.signal)
  const identity = createHash('sha256')
    .update(await identityOf(home.folder, name))
    .digest('hex')
  const noted = join(options.cacheFolder ?? defaultCacheFolder(), 'sha256', identity)
  const known = await readFile(noted, 'utf8').catch(() => '')
  if (/^[0-9a-f]{64}$/.test(known)) return known
  const hash = await contentHash(path, name, onBytes, options.signal)
  // A cache that cannot be written costs the same time again.
  await mkdir(dirname(noted), { recursive: true })
    .then(() => writeFileAtomic(noted, hash))
    .catch(() => {})
  return hash
}

async function contentHash(
  path: string,
  name: string,
  onBytes: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash('sha256')
  let bytes = 0
  try {
    for await (const part of createReadStream(path, {
      highWaterMark: 4 * 2 ** 20,
      ...(signal && { signal }),
    })) {
      hash.update(part)
      bytes += part.length
      onBytes(bytes)
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw unreadable(name, error)
  }
  return hash.digest('hex')
}
