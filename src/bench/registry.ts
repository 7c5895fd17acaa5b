import type { Benchmark } from './benchmark.ts'
import { aokvqa, aokvqaChoice } from './benchmarks/aokvqa.ts'
import { demo } from './benchmarks/demo.ts'
import { docvqa } from './benchmarks/docvqa.ts'
import { gqa } from './benchmarks/gqa.ts'
import { pope } from './benchmarks/pope.ts'
import { textvqa } from './benchmarks/textvqa.ts'
import { vqav2 } from './benchmarks/vqav2.ts'
import { vstar } from './benchmarks/vstar.ts'

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
