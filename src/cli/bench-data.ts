import { access, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Benchmark } from '../bench/benchmark.ts'
import { absent } from '../bench/files-node.ts'

export interface BenchFlags {
  readonly data?: string
  readonly json?: true
}

/** Where the package keeps what comes with it. */
const packageDemo = fileURLToPath(new URL('../../demo', import.meta.url))

/**
 * The folder below which a benchmark is, and the benchmark as it is called there. The demo model's comes with the package,
 * unless the data folder has one of its own.
 *
 * @returns null where nobody said
 */
export async function homeOf(
  benchmark: Benchmark,
  data: string | undefined,
): Promise<{ readonly benchmark: Benchmark; readonly data: string } | null> {
  const isBundled = benchmark.name === 'demo'
  const hasOwn = data !== undefined && (!isBundled || (await exists(join(data, benchmark.folder))))
  if (hasOwn) return { benchmark, data }
  return isBundled ? { benchmark: { ...benchmark, folder: 'benchmark' }, data: packageDemo } : null
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

/** @throws an error of one sentence if the folder is not there */
export async function checkDataFolder(data: string | undefined): Promise<void> {
  if (data === undefined) return
  const found = await stat(data).catch(absent)
  if (found === null)
    throw new Error(`--data: ${data}: no such folder. Make it, with a folder for each benchmark.`)
  if (!found.isDirectory()) throw new Error(`--data: ${data}: is not a folder.`)
}
