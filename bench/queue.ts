import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'bullmq'
import type { Provenance, Question, Row, Way } from 'vicrop/bench'
import type { Task } from '#dist/bench/plan.js'
import { askThroughQueue } from '#dist/bench/queue-node.js'
import type { JobResult, QueuedJob, QueuedRun } from '#dist/bench/queue-schema.js'
import { connectRedis, prefix } from '#dist/bench/redis-node.js'
import { openResults } from '#dist/bench/results-node.js'

// What the queue of `vicrop bench run --queue` costs, and how many workers it carries: workers that answer at once, or after a
// while, with rows of the usual size, and the coordinator that `bench run` has, over a Redis server of its own.
// Usage: node out/bench/queue.js [WORKERS ...]       default: 1 10 100 1000. Needs redis-server.

const questionsAJob = 2
const ways: readonly Way[] = [
  { method: 'none' },
  { method: 'rel-att' },
  { method: 'grad-att' },
  { method: 'pure-grad' },
]

/** Of the processes that the workers are in. */
const processes = 4

const keyOf = (text: string): string => createHash('sha256').update(text).digest('hex')

const question = (id: string): Question => ({
  id,
  image: { in: 'folder', id: '003a8ae2ef43b901', name: '003a8ae2ef43b901.jpg' },
  question: 'what does the small white text spell?',
  mapQuestion: null,
  expected: { type: 'answers', answers: Array.from({ length: 10 }, () => 'copenhagen') },
  boxes: [{ x: 1, y: 2, width: 30, height: 40 }],
  tags: {},
  isCounted: true,
})

const queued = (name: string): QueuedRun => ({
  name,
  version: '0',
  benchmark: { name: 'textvqa', hash: keyOf('questions') },
  model: { name: 'none', hash: keyOf('model') },
  settings: { dtype: 'f32', prompt: 'plain', maxNewTokens: 20 },
  ways,
  ratios: false,
})

const run: Provenance = {
  id: 'no-op',
  startedAt: new Date(0).toISOString(),
  versions: { vicrop: '0', onnxruntime: '0', node: process.version },
  machine: { platform: process.platform, cpu: '', threads: 1, device: 'cpu' },
  model: {
    name: 'none',
    hash: keyOf('model'),
    modelType: 'llava',
    inputSize: 336,
    layerCount: 32,
    layers: [14],
  },
  settings: { dtype: 'f32', prompt: 'plain', maxNewTokens: 20 },
  benchmark: { name: 'textvqa', form: 'published', questionCount: 5000, hash: keyOf('questions') },
  ways,
}

/** A row with the map that LLaVA-1.5 makes. */
function rowOf(key: string, id: string, way: Way): Row {
  const source = { width: 1024, height: 768 }
  const grid = { rows: 24, columns: 24 }
  const geometry = { source, view: { x: 128, y: 0, width: 768, height: 768 }, grid }
  return {
    key,
    run: run.id,
    benchmark: 'textvqa',
    question: question(id),
    model: 'none',
    way,
    answer: 'copenhagen',
    score: { value: 1, read: 'copenhagen' },
    image: source,
    crop: { x: 0, y: 0, width: 336, height: 336 },
    cropReason: null,
    map:
      way.method === 'none' ? null : { ...grid, geometry, levels: Buffer.alloc(576, 99).toString('base64') },
    localisation: { attentionRatio: 5, pointed: true, covered: 1 },
    timings: { encodeMs: 1, mapMs: 1, plainAnswerMs: 1, encodeCropMs: 1, answerMs: 1 },
  }
}

function answered({ asked }: QueuedJob): JobResult {
  const rows = asked.flatMap(({ id, keys }) => keys.map((key, i) => rowOf(key, id, ways[i] as Way)))
  return { rows, failed: [], run }
}

const tasks = (jobs: number): Task[] =>
  Array.from({ length: jobs }, (_, job) => ({
    image: question('').image,
    asked: Array.from({ length: questionsAJob }, (_, nth) => {
      const id = `${job}-${nth}`
      return { question: question(id), ways: ways.map(way => ({ way, key: keyOf(`${id} ${way.method}`) })) }
    }),
  }))

/** Workers without a model, each with connections of its own, until the process is ended. */
async function host(url: string, name: string, count: number, jobMs: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const worker = new Worker<QueuedJob, JobResult>(
      name,
      async ({ data }) => {
        if (jobMs > 0) await sleep(jobMs)
        return answered(data)
      },
      { connection: await connectRedis(url), prefix, lockDuration: 15_000, stalledInterval: 5000 },
    )
    worker.on('error', () => {})
    await worker.waitUntilReady()
  }
  process.stdout.write('ready\n')
}

interface Measured {
  readonly jobsASecond: number
  /** Seconds of the coordinator's processor for a job. */
  readonly coordinatorMs: number
  readonly serverMs: number
  readonly storedMb: number
}

async function measure(url: string, workers: number, jobs: number, jobMs: number): Promise<Measured> {
  const redis = await connectRedis(url)
  await redis.flushall()
  const name = `no-op-${workers}-${jobMs}`
  const hosts = await Promise.all(
    Array.from({ length: Math.min(processes, workers) }, (_, i) => {
      const share = Math.floor((workers * (i + 1)) / processes) - Math.floor((workers * i) / processes)
      return hostApart(url, name, workers < processes ? 1 : share, jobMs)
    }),
  )
  const folder = await mkdtemp(join(tmpdir(), 'vicrop-queue-'))
  const results = await openResults(folder, null)
  const server = async (): Promise<number> => {
    const info = await redis.info('cpu')
    return ['user', 'sys'].reduce((sum, of) => sum + Number(info.match(`used_cpu_${of}:([\\d.]+)`)?.[1]), 0)
  }
  const [before, start, cpu] = [await server(), performance.now(), process.cpuUsage()]
  const signal = new AbortController().signal
  await askThroughQueue({
    redis,
    run: queued(name),
    tasks: tasks(jobs),
    model: 'none',
    results,
    signal,
    onAnswers() {},
  })
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const serverMs = (1000 * ((await server()) - before)) / jobs
  const peak = (await redis.info('memory')).match(/used_memory_peak:(\d+)/)?.[1]
  await results.close()
  for (const one of hosts) one.kill('SIGKILL')
  await rm(folder, { recursive: true })
  redis.disconnect()
  return {
    jobsASecond: jobs / seconds,
    coordinatorMs: (user + system) / 1000 / jobs,
    serverMs,
    storedMb: Number(peak) / 1e6,
  }
}

async function hostApart(url: string, name: string, count: number, jobMs: number): Promise<ChildProcess> {
  const args = [fileURLToPath(import.meta.url), '--host', url, name, String(count), String(jobMs)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(createInterface({ input: child.stdout }), 'line')
  return child
}

async function main(counts: readonly number[]): Promise<void> {
  const port = 16_399
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
    stdio: 'ignore',
  })
  const url = `redis://127.0.0.1:${port}`
  await sleep(1000)
  try {
    console.log('workers  a job takes  jobs a second  processor ms a job: coordinator, server  server MB')
    for (const workers of counts) {
      for (const jobMs of workers >= 100 ? [0, 1000, 5000] : [0]) {
        const jobs = jobMs === 0 ? 3000 : Math.min(6000, Math.ceil((workers * 20_000) / jobMs))
        const { jobsASecond, coordinatorMs, serverMs, storedMb } = await measure(url, workers, jobs, jobMs)
        const cells = [
          jobMs,
          jobsASecond.toFixed(0),
          coordinatorMs.toFixed(2),
          serverMs.toFixed(2),
          storedMb.toFixed(0),
        ]
        console.log([String(workers).padStart(7), ...cells.map(cell => String(cell).padStart(10))].join('  '))
      }
    }
  } finally {
    server.kill()
  }
}

const [, , first, ...rest] = process.argv
if (first === '--host') {
  const [url, name, count, jobMs] = rest as [string, string, string, string]
  await host(url, name, Number(count), Number(jobMs))
} else await main(first === undefined ? [1, 10, 100, 1000] : [first, ...rest].map(Number))
