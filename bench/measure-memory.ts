import { readFileSync } from 'node:fs'
import { ViCrop } from 'vicrop'
import { type LookName, looks, patchwork, questions } from './workload.ts'

// Prints the most memory that was allocated in this process while a picture was seen and its map made, or with "none"
// answered plainly; in bytes, memory-mapped weights not included. (Linux; elsewhere they are.)
// Usage: node out/bench/measure-memory.js MODEL SIDE METHOD

async function work(model: string, side: number, name: LookName | 'none'): Promise<void> {
  await using vicrop = await ViCrop.open(model)
  const options = name === 'none' ? ({ method: 'none' } as const) : looks[name]
  using picture = await vicrop.see(patchwork(side), { method: options.method })
  if (name === 'none') await picture.ask(questions[0], { ...options, maxNewTokens: 1 })
  else await picture.look(questions[0], options)
}

/** The most anonymous memory while some work is done. */
async function peakOf(work: () => Promise<void>): Promise<number> {
  let peak = 0
  const look = (): void => {
    peak = Math.max(peak, anonymousBytes())
  }
  const timer = setInterval(look, 5)
  await work()
  clearInterval(timer)
  return peak
}

function anonymousBytes(): number {
  if (process.platform !== 'linux') return process.memoryUsage.rss()
  const match = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return 1024 * Number(match?.[1])
}

const [, , model, side, name] = process.argv
const peak = await peakOf(() => work(model as string, Number(side), name as LookName | 'none'))
process.stdout.write(JSON.stringify(peak))
