import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Load, load, type Subject } from './load.ts'

// `vicrop serve` with the demo model under load: what it answers, how long that takes, whether its memory grows, and whether
// it loses anything when it is told to end. `npm run bench:serve -- MINUTES CLIENTS`.

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How many pictures are asked about, and how many the server keeps: it has to let some go. */
const pictures = { asked: 40, kept: 16 }

async function main(minutes: number, clients: number): Promise<void> {
  console.log(`node ${process.version}, ${availableParallelism()} cores, ${cpus()[0]?.model.trim()}`)
  console.log(
    `${clients} clients, ${minutes} minutes, ${pictures.asked} pictures of which ${pictures.kept} are kept`,
  )
  const { url, server } = await startServer()
  const ending = new AbortController()
  const loading = load(
    { url, model: 'demo', clients, subjects: await subjects(), random: Math.random },
    ending.signal,
  )
  const memory: number[] = []
  const end = Date.now() + minutes * 60_000
  while (Date.now() < end) {
    await new Promise(resolve => setTimeout(resolve, Math.min(5000, end - Date.now())))
    memory.push(await residentMegabytes(url))
  }
  const told = performance.now()
  const exited = once(server, 'exit').then(([status]) => ({ status, tookMs: performance.now() - told }))
  server.kill('SIGTERM')
  const found = await loading
  const { status, tookMs } = await exited
  print(found, memory, minutes)
  console.log(`  SIGTERM under load                 ended with status ${status} after ${ms(tookMs)}`)
  if (found.lost.length > 0 || found.different.length > 0 || status !== 0) process.exitCode = 1
}

async function startServer(): Promise<{ url: string; server: ChildProcess }> {
  const args = ['serve', '--port', '0', '--log-level', 'error', '--pictures', `${pictures.kept}`]
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const server = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], { stdio: [...stdio] })
  process.once('exit', () => server.kill('SIGKILL'))
  const [line] = (await once(server.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  const url = /at (http:.*)\/v1/.exec(line.toString())?.[1]
  if (url === undefined) throw new Error(`the server said ${line}`)
  return { url, server }
}

/** Pictures of the demo model's benchmark, with the questions that are asked about them there. */
async function subjects(): Promise<Subject[]> {
  const folder = join(root, 'demo/benchmark')
  const all: { picture: string; question: string }[] = JSON.parse(
    await readFile(join(folder, 'questions.json'), 'utf8'),
  )
  const names = [...new Set(all.map(({ picture }) => picture))].slice(0, pictures.asked)
  return Promise.all(
    names.map(async name => ({
      picture: `data:image/webp;base64,${(await readFile(join(folder, name))).toString('base64')}`,
      questions: all.filter(({ picture }) => picture === name).map(({ question }) => question),
    })),
  )
}

async function residentMegabytes(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / 1e6
}

function print(
  { statuses, latenciesMs, left, lost, different }: Load,
  memory: readonly number[],
  minutes: number,
): void {
  const sorted = latenciesMs.toSorted((a, b) => a - b)
  const at = (share: number): string => ms(sorted[Math.floor(share * (sorted.length - 1))] ?? 0)
  const rate = latenciesMs.length / minutes / 60
  console.log(
    `  statuses                           ${JSON.stringify(statuses)}, ${left} left by their clients`,
  )
  console.log(
    `  answers                            ${rate.toFixed(1)} a second; p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}, longest ${at(1)}`,
  )
  console.log(`  lost                               ${lost.length} ${[...new Set(lost)].join('; ')}`)
  console.log(`  different from before              ${different.length} ${different.slice(0, 3).join('; ')}`)
  console.log(`  resident memory, tenth by tenth    ${tenths(memory).join(', ')} MB (medians)`)
}

function tenths(values: readonly number[]): string[] {
  const size = Math.max(1, values.length / 10)
  const parts = Array.from({ length: Math.min(10, values.length) }, (_, i) =>
    values.slice(Math.floor(i * size), Math.floor((i + 1) * size)),
  )
  return parts.map(part => (part.toSorted((a, b) => a - b)[part.length >> 1] as number).toFixed(0))
}

const ms = (value: number): string => `${value.toFixed(0)} ms`

const [, , minutes = '10', clients = '64'] = process.argv
await main(Number(minutes), Number(clients))
