import { setTimeout as sleep } from 'node:timers/promises'
import { DelayedError, type Job, Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Asker } from './ask-in-ways.ts'
import { keysOf } from './key-node.ts'
import type { Asked, Task } from './plan.ts'
import type { Question } from './question.ts'
import { attempts } from './queue-node.ts'
import { type JobResult, jobSchema, type QueuedJob, type QueuedRun, runSchema } from './queue-schema.ts'
import type { OpenBenchmark } from './read-node.ts'
import { prefix, runsKey } from './redis-node.ts'
import type { FailedRow, Provenance, Row } from './row.ts'
import { type Answers, answersOf } from './run-node.ts'

/**
 * Milliseconds after which a job whose worker has not been heard of is another's. Workers are heard of at half of it, from
 * JavaScript, which a large picture's resizing holds up for a second or two.
 */
const lockDuration = 15_000

/** Milliseconds between two looks for such jobs. */
const stalledInterval = 5000

/** Milliseconds between two looks whether a run is over. */
const lookEvery = 2000

/** Milliseconds for giving back what was taken. */
const closeWithin = 3000

/** The runs that there are, as far as they can be read. */
export async function queuedRuns(redis: Redis): Promise<QueuedRun[]> {
  const runs = Object.values(await redis.hgetall(runsKey))
  return runs.flatMap(text => {
    const { success, data } = runSchema.safeParse(parsed(text))
    return success ? [data] : []
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Whether questions of a run wait for an answer, or for the worker that has taken them to come through. */
export async function hasQuestions(redis: Redis, { name }: QueuedRun): Promise<boolean> {
  const queue = new Queue(name, { connection: redis, prefix, skipMetasUpdate: true })
  queue.on('error', () => {})
  try {
    const counts = await queue.getJobCounts('wait', 'active', 'delayed')
    return Object.values(counts).some(count => count > 0)
  } finally {
    await queue.close()
  }
}

export interface WorkOptions {
  readonly redis: Redis
  readonly queued: QueuedRun
  readonly open: OpenBenchmark
  /** How this worker answers. */
  readonly run: Provenance
  readonly asker: Asker
  readonly onAnswers: (answers: Answers) => void
}

/**
 * Answers questions of a run until none waits.
 *
 * Interrupted, it gives what it has taken back at once; killed, others take it when its lock is over.
 */
export async function work(options: WorkOptions): Promise<void> {
  const { redis, queued, asker } = options
  const worker = new Worker<QueuedJob, JobResult>(queued.name, answering(options), {
    connection: redis,
    prefix,
    lockDuration,
    stalledInterval,
    maxStalledCount: attempts - 1,
  })
  // A server that went away comes back, and what was another's by then is answered by that one.
  worker.on('error', () => {})
  try {
    do await sleep(lookEvery, undefined, { signal: asker.signal })
    while (await hasQuestions(redis, queued))
  } finally {
    await closed(worker)
  }
}

/** Without a server, nothing can be given back to it. */
async function closed(worker: Worker<QueuedJob, JobResult>): Promise<void> {
  const isClosed = worker.close().then(() => true)
  const late = sleep(closeWithin, false, { ref: false })
  if (!(await Promise.race([isClosed, late]))) await worker.close(true)
}

function answering(options: WorkOptions): (job: Job<QueuedJob>, token?: string) => Promise<JobResult> {
  const { queued, open, run, asker, onAnswers } = options
  const questions = new Map(open.questions.map(question => [question.id, question]))
  return async (job, token) => {
    try {
      const task = taskOf(jobSchema.parse(job.data), questions, queued)
      const answers = await answersTo(task, options)
      const isLast = job.attemptsMade + 1 >= attempts
      // Alone, it is tried again, perhaps by a worker that has the picture or the memory for it.
      if (task.asked.length === 1 && answers.failed.length > 0 && !isLast)
        throw new Error(answers.failed[0]?.error)
      onAnswers(answers)
      return { ...answers, run }
    } catch (error) {
      if (!asker.signal.aborted) throw error
      await job.moveToDelayed(Date.now(), token)
      throw new DelayedError()
    }
  }
}

async function answersTo(task: Task, { run, open, asker }: WorkOptions): Promise<Answers> {
  const rows: Row[] = []
  const failed: FailedRow[] = []
  const facts = { run: run.id, model: run.model.name, open }
  for await (const { answers } of answersOf(task, facts, asker)) {
    const of = await answers
    rows.push(...of.rows)
    failed.push(...of.failed)
  }
  return { rows, failed }
}

/** @throws an error for questions that are not the ones of this worker's benchmark */
function taskOf(
  { asked }: QueuedJob,
  questions: ReadonlyMap<string, Question>,
  { benchmark, model, settings, ways }: QueuedRun,
): Task {
  const found = asked.map(({ id, keys }): Asked => {
    const question = questions.get(id)
    if (question === undefined) throw new Error(`${benchmark.name}: has no question ${id} here.`)
    const keyOf = keysOf({ benchmark: benchmark.name, question, model: model.hash, settings })
    const keyed = ways.map(way => ({ way, key: keyOf(way) })).filter(({ key }) => keys.includes(key))
    if (keyed.length < keys.length) throw new Error(`${benchmark.name}: question ${id} is another one here.`)
    return { question, ways: keyed }
  })
  return { image: (found[0] as Asked).question.image, asked: found }
}
