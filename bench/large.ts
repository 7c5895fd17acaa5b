import { parseArgs } from 'node:util'
import { type Method, type OpenOptions, ViCrop, type WeightType } from 'vicrop'
import { type Peak, watchMemory } from './peak-memory.ts'
import { maxNewTokens, patchwork, questions } from './workload.ts'

// One question with each method on a checkpoint of yours: the time of every stage and the most memory, each method after
// the other in one process. Linux only.
// Usage: node out/bench/large.js FOLDER [--dtype q4] [--threads 2] [--methods none,rel-att,grad-att,pure-grad]

const side = 3 * 336

async function main(model: string, options: OpenOptions, methods: readonly Method[]): Promise<void> {
  const memory = watchMemory()
  const start = performance.now()
  const onProgress = ({ doneBytes, totalBytes }: { doneBytes: number; totalBytes: number }): void => {
    if (process.stderr.isTTY)
      process.stderr.write(`\rconverting ${((100 * doneBytes) / totalBytes).toFixed(0)} % `)
  }
  await using vicrop = await ViCrop.open(model, { ...options, onProgress })
  const { converted } = vicrop
  const made =
    converted === null
      ? 'weights as published'
      : `${gigabytes(converted.bytes)} in the cache${converted.cached ? '' : ', made now'}`
  console.log(`opened in ${seconds(performance.now() - start)}, ${made}; ${describe(await memory.peak())}`)
  for (const method of methods) {
    using picture = await vicrop.see(patchwork(side), { method })
    const { timings, plainAnswer, answer, crop } = await picture.ask(questions[0], { method, maxNewTokens })
    const { totalMs = 0, ...stages } = timings
    console.log(
      `\n${method}: ${seconds(totalMs + (timings.encodeMs ?? 0))}; ${describe(await memory.peak())}`,
    )
    for (const [stage, ms] of Object.entries(stages))
      console.log(`  ${stage.replace(/Ms$/, '').padEnd(14)} ${seconds(ms)}`)
    console.log(`  ${JSON.stringify({ plainAnswer, answer, crop })}`)
  }
  await memory.stop()
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`
const describe = ({ ownBytes, totalBytes }: Peak): string =>
  `at most ${gigabytes(totalBytes)} of memory, ${gigabytes(ownBytes)} beside mapped files`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dtype: { type: 'string', default: 'q4' },
    threads: { type: 'string' },
    methods: { type: 'string', default: 'none,rel-att,grad-att,pure-grad' },
  },
})
const dtype = values.dtype as WeightType
const threads = values.threads === undefined ? {} : { threads: Number(values.threads) }
await main(positionals[0] as string, { dtype, ...threads }, values.methods.split(',') as Method[])
