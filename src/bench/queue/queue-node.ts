import { setTimeout as sleep } from 'node:timers/promises'
import { type Job, Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type { Question } from '../question.ts'
import { sha256 } from '../run/key-node.ts'
import type { Asked, Task } from '../run/plan.ts'
import type { Results } from '../run/results-node.ts'
import type { FailedRow, Way } from '../run/row.ts'
import type { Answers } from '../run/run-node.ts'
import { type JobResult, type QueuedJob, type QueuedRun, resultSchema } from './queue-schema.ts'
import { prefix, runsKey } from './redis-node.ts'

/**
 * Questions of a picture that are one job, at most. A worker that is killed loses so many; more would save it little, as seeing
 * the picture is by then a small part.
 */
const mostQuestions = 8

/** How often a job is tried, and a job whose worker went away taken up again. */
export const attempts = 3

/** Milliseconds before the second attempt; before the third twice as many. */
const backoff = 1000

/** Milliseconds between two looks for results. */
const pollEvery = 200

/** Milliseconds after which all that is missing is put in again, in case the server forgot it. */
const putAgainAfter = 30_000

/** Jobs that are put in, or taken out, at once. */
const batch = 100

export interface QueueOptions {
  readonly redis: Redis
  readonly run: QueuedRun
  readonly tasks: readonly Task[]
  /** As the user calls it. */
  readonly model: string
  readonly results: Results
  readonly signal: AbortSignal
  readonly onAnswers: (answers: Answers) => void
}

/**
 * Has workers ask all that is planned, and gathers what they answer. What is in the queue outlives whoever put it there: run
 * again, it is gathered. A server that forgets its queue gets it again.
 *
 * Each answer is written once, by its key, however often it comes. A question that cannot be answered among others is put in
 * again alone, so that it takes no other one with it, and is set aside with its error when its attempts are used up.
 */
export async function askThroughQueue(options: QueueOptions): Promise<void> {
  const { redis, run, signal } = options
  const queue = new Queue<QueuedJob, unknown>(run.name, { connection: redis, prefix })
  queue.on('error', () => {})
  try {
    await whileNot(signal, new Gathering(queue, options).run())
  } finally {
    await queue.close()
  }
}

/** The work, unless it is interrupted: it may be waiting for a server that is not there. */
async function whileNot<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => {})
  const interrupted = new Promise<never>((_, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  return Promise.race([work, interrupted])
}

/** An answer that is wanted. */
interface Wanted {
  readonly question: Question
  readonly way: Way
}

class Gathering {
  readonly #queue: Queue<QueuedJob, unknown>
  readonly #options: QueueOptions
  /** Answers that have not come yet, by key. */
  readonly #wanted = new Map<string, Wanted>()
  /** Jobs that have not been gathered yet, by id. */
  readonly #jobs = new Map<string, QueuedJob>()
  /** Runs of workers that are described already. */
  readonly #described = new Set<string>()
  #putAt = Number.NEGATIVE_INFINITY

  constructor(queue: Queue<QueuedJob, unknown>, options: QueueOptions) {
    this.#queue = queue
    this.#options = options
    for (const { asked } of options.tasks) {
      for (const { question, ways } of asked)
        for (const { key, way } of ways) this.#wanted.set(key, { question, way })
      for (let i = 0; i < asked.length; i += mostQuestions) this.#plan(asked.slice(i, i + mostQuestions))
    }
  }

  #plan(asked: readonly Asked[]): void {
    this.#note({
      asked: asked.map(({ question, ways }) => ({ id: question.id, keys: ways.map(({ key }) => key) })),
    })
  }

  #note(job: QueuedJob): string {
    const id = idOf(job)
    this.#jobs.set(id, job)
    return id
  }

  async run(): Promise<void> {
    const { redis, run, signal } = this.#options
    const onReady = (): void => {
      this.#putAt = Number.NEGATIVE_INFINITY
    }
    redis.on('ready', onReady)
    try {
      while (this.#wanted.size > 0) {
        signal.throwIfAborted()
        if (performance.now() - this.#putAt > putAgainAfter) await this.#putAll()
        const gathered = (await this.#gather('completed')) + (await this.#gather('failed'))
        if (gathered === 0) await sleep(pollEvery, undefined, { signal })
      }
      await redis.hdel(runsKey, run.name)
      await this.#queue.obliterate({ force: true })
    } finally {
      redis.off('ready', onReady)
    }
  }

  /** Puts everything in that is wanted. What is there already stays as it is. */
  async #putAll(): Promise<void> {
    const { redis, run } = this.#options
    this.#putAt = performance.now()
    await redis.hset(runsKey, run.name, JSON.stringify(run))
    const ids = [...this.#jobs.keys()]
    for (let i = 0; i < ids.length; i += batch) await this.#put(ids.slice(i, i + batch))
  }

  async #put(ids: readonly string[]): Promise<void> {
    await this.#queue.addBulk(
      ids.map(jobId => ({
        name: 'ask',
        data: this.#jobs.get(jobId) as QueuedJob,
        opts: { jobId, attempts, backoff: { type: 'exponential', delay: backoff } },
      })),
    )
  }

  /** @returns how many jobs were taken out */
  async #gather(state: 'completed' | 'failed'): Promise<number> {
    const jobs = await this.#queue.getJobs([state], 0, batch - 1, true)
    for (const job of jobs) {
      await (state === 'completed' ? this.#take(job) : this.#giveUp(job, job.failedReason))
      this.#jobs.delete(job.id as string)
    }
    // Written first: who is killed between the two finds them again, and knows their keys.
    await Promise.all(jobs.map(job => job.remove()))
    return jobs.length
  }

  async #take(job: Job<QueuedJob, unknown>): Promise<void> {
    const { success, data, error } = resultSchema.safeParse(job.returnvalue)
    if (!success) return this.#giveUp(job, `its worker's answer is none (${error.issues[0]?.message})`)
    const { results, onAnswers } = this.#options
    const rows = data.rows.filter(({ key }) => this.#wanted.has(key))
    const failed = data.failed.filter(({ key }) => this.#wanted.has(key))
    await this.#describe(data)
    await results.add(rows)
    for (const { key } of rows) this.#wanted.delete(key)
    onAnswers({ rows, failed: [] })
    if (job.data.asked.length === 1) await this.#setAside(failed)
    await this.#giveUp(job, "its worker's answer lacks it")
  }

  async #describe({ run }: JobResult): Promise<void> {
    if (!this.#described.has(run.id)) await this.#options.results.describe(run)
    this.#described.add(run.id)
  }

  /** What is still wanted of a job: put in again, or set aside if it was alone. */
  async #giveUp({ data }: Job<QueuedJob, unknown>, error: string): Promise<void> {
    const keys = new Set(data.asked.flatMap(({ keys }) => keys).filter(key => this.#wanted.has(key)))
    if (data.asked.length > 1) return this.#putAlone(data, keys)
    const { run, model } = this.#options
    // It is no worker's: what stands for the run is the name of its queue.
    const common = { run: run.name, benchmark: run.benchmark.name, model, error }
    await this.#setAside([...keys].map(key => ({ key, ...(this.#wanted.get(key) as Wanted), ...common })))
  }

  async #setAside(failed: readonly FailedRow[]): Promise<void> {
    if (failed.length === 0) return
    await this.#options.results.setAside(failed)
    for (const { key } of failed) this.#wanted.delete(key)
    this.#options.onAnswers({ rows: [], failed })
  }

  /** Each question that lacks some of these answers as a job of its own. */
  async #putAlone({ asked }: QueuedJob, lacking: ReadonlySet<string>): Promise<void> {
    const own = asked.map(({ id, keys }) => ({ id, keys: keys.filter(key => lacking.has(key)) }))
    await this.#put(own.filter(({ keys }) => keys.length > 0).map(one => this.#note({ asked: [one] })))
  }
}

/** The same for the same answers, so that a job is put in once however often that is tried. */
const idOf = ({ asked }: QueuedJob): string => sha256(asked.flatMap(({ keys }) => keys).join('\n'))
