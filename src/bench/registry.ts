import { aokvqa, aokvqaChoice } from './aokvqa.ts'
import type { Benchmark } from './benchmark.ts'
import { demo } from './demo.ts'
import { docvqa } from './docvqa.ts'
import { gqa } from './gqa.ts'
import { pope } from './pope.ts'
import { textvqa } from './textvqa.ts'
import { vqav2 } from './vqav2.ts'
import { vstar } from './vstar.ts'

/** In the order of the paper's table 2. */
export const benchmarks: readonly Benchmark[] = [
  textvqa,
  vstar,
  pope,
  docvqa,
  aokvqa,
  aokvqaChoice,
  gqa,
  vqav2,
  demo,
]

/** @throws an error that lists the benchmarks there are */
export function findBenchmark(name: string): Benchmark {
  const found = benchmarks.find(benchmark => benchmark.name === name)
  if (found !== undefined) return found
  throw new Error(
    `benchmark "${name}" is not known; known: ${benchmarks.map(benchmark => benchmark.name).join(', ')}`,
  )
}
