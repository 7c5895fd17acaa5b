import { type OpenBenchmark, openBenchmark } from '../../../src/bench/read/read-node.ts'
import { findBenchmark } from '../../../src/bench/registry.ts'
import { temporaryFolder } from '../../weights/temporary.ts'
import { aokvqa } from './aokvqa.ts'
import { docvqa } from './docvqa.ts'
import { gqa } from './gqa.ts'
import { pope } from './pope.ts'
import { textvqa } from './textvqa.ts'
import { vqav2 } from './vqav2.ts'
import { vstar } from './vstar.ts'

export const samples = { textvqa, vstar, pope, docvqa, aokvqa, gqa, vqav2 } as const
type SampleName = keyof typeof samples

/** Opens a benchmark in a folder of its own, with what `fill` writes there. */
export async function open(name: string, fill: (data: string) => void): Promise<OpenBenchmark> {
  const data = temporaryFolder()
  fill(data)
  return openBenchmark(findBenchmark(name), data)
}

export const published = (name: SampleName, as: string = name): Promise<OpenBenchmark> =>
  open(as, samples[name].asPublished)
export const parquet = (name: SampleName, as: string = name): Promise<OpenBenchmark> =>
  open(as, samples[name].asParquet)
