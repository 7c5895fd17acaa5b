import { access, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InvalidArgumentError } from 'commander'
import type { Benchmark } from '../bench/benchmark.ts'
import { absent } from '../bench/files-node.ts'
import { findBenchmark } from '../bench/registry.ts'

export interface BenchFlags {
  readonly data?: string
  readonly json?: true
}

/** Where the package keeps what comes with it. */
const packageDemo = fileURLToPath(new URL('../../demo', import.meta.url))

export function benchmarkNamed(name: string): Benchmark {
  try {
    return findBenchmark(name)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

/** A benchmark and the folder below which it is. */
export interface Home {
  readonly benchmark: Benchmark
  readonly data: string
}

/**
 * The folder below which a benchmark is, and the benchmark as it is called there. The demo model's comes with the package,
 * unless the data folder has one of its own.
 *
 * @returns null where nobody said
 */
export async function homeOf(benchmark: Benchmark, data: string | undefined): Promise<Home | null> {
  const isBundled = benchmark.name === 'demo'
  const hasOwn = data !== undefined && (!isBundled || (await exists(join(data, benchmark.folder))))
  if (hasOwn) return { benchmark, data }
  return isBundled ? { benchmark: { ...benchmark, folder: 'benchmark' }, data: packageDemo } : null
}

/** @throws an error that says how to name the folder, where nobody did */
export async function requireHome(benchmark: Benchmark, data: string | undefined): Promise<Home> {
  const home = await homeOf(benchmark, data)
  if (home !== null) return home
  throw new InvalidArgumentError(
    `${benchmark.name}: no folder to look in. Name the one with a folder for each benchmark: --data FOLDER, or VICROP_DATA.`,
  )
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
