import { setTimeout as sleep } from 'node:timers/promises'
import { DelayedError, type Job, Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import pLimit from 'p-limit'
import type { Question } from '../question.ts'
import type { OpenBenchmark } from '../read/read-node.ts'
import { type Asker, EndOfRun } from '../run/ask-in-ways.ts'
import { keysOf } from '../run/key-node.ts'
import type { Asked, Task } from '../run/plan.ts'
import type { Provenance } from '../run/row.ts'
import { type Answers, answersOf } from '../run/run-node.ts'
import { attempts } from './queue-node.ts'
import { type JobResult, jobSchema, type QueuedJob, type QueuedRun, runSchema } from './queue-schema.ts'
import { prefix, runsKey } from './redis-node.ts'

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
 *
 * @throws EndOfRun where this worker's other questions would fare no better; what it has taken is given back
 */
export async function work(options: WorkOptions): Promise<void> {
  const { redis, queued, asker } = options
  const end = new AbortController()
  const signal = AbortSignal.any([asker.signal, end.signal])
  const answer = answering({ ...options, asker: { ...asker, signal } }, error => end.abort(error))
  const worker = new Worker<QueuedJob, JobResult>(queued.name, answer, {
    connection: redis,
    prefix,
    concurrency: parallelOf(queued),
    lockDuration,
    stalledInterval,
    maxStalledCount: attempts - 1,
  })
  // A server that went away comes back, and what was another's by then is answered by that one.
  worker.on('error', () => {})
  try {
    do await sleep(lookEvery, undefined, { signal })
    while (await hasQuestions(redis, queued))
  } catch (error) {
    end.signal.throwIfAborted()
    throw error
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

/** How many questions may wait for somebody else's answer while others are looked at. */
const parallelOf = ({ answerer }: QueuedRun): number => answerer?.parallel ?? 1

function answering(
  options: WorkOptions,
  onEnd: (error: EndOfRun) => void,
): (job: Job<QueuedJob>, token?: string) => Promise<JobResult> {
  const { queued, open, run, asker, onAnswers } = options
  const answersTo = inTurn(options)
  const questions = new Map(open.questions.map(question => [question.id, question]))
  return async (job, token) => {
    try {
      const task = taskOf(jobSchema.parse(job.data), questions, queued)
      const answers = await answersTo(task)
      const isLast = job.attemptsMade + 1 >= attempts
      // Alone, it is tried again, perhaps by a worker that has the picture or the memory for it.
      if (task.asked.length === 1 && answers.failed.length > 0 && !isLast)
        throw new Error(answers.failed[0]?.error)
      onAnswers(answers)
      return { ...answers, run }
    } catch (error) {
      // What is wrong with no question takes no attempt of any.
      if (error instanceof EndOfRun) onEnd(error)
      if (!asker.signal.aborted) throw error
      await job.moveToDelayed(Date.now(), token)
      throw new DelayedError()
    }
  }
}

/** Looks at one picture at a time, and at the next while answers to the last are still to come from somebody else. */
function inTurn({ queued, run, open, asker }: WorkOptions): (task: Task) => Promise<Answers> {
  const facts = { run: run.id, model: run.model.name, open }
  const turns = pLimit(1)
  const waiting = new Set<Promise<void>>()
  async function look(task: Task): Promise<Promise<Answers>[]> {
    const all: Promise<Answers>[] = []
    for await (const { answers } of answersOf(task, facts, asker)) {
      all.push(answers)
      const over: Promise<void> = answers.then(nothing, nothing).finally(() => waiting.delete(over))
      waiting.add(over)
      while (waiting.size >= parallelOf(queued)) await Promise.race(waiting)
    }
    return all
  }
  return async task => {
    const all = await Promise.all(await turns(() => look(task)))
    return { rows: all.flatMap(({ rows }) => rows), failed: all.flatMap(({ failed }) => failed) }
  }
}

const nothing = (): void => {}

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
