import { type Job, Queue, UnrecoverableError, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Question } from '../../src/bench/question.ts'
import { askThroughQueue, type QueueOptions } from '../../src/bench/queue/queue-node.ts'
import type { JobResult, QueuedJob, QueuedRun } from '../../src/bench/queue/queue-schema.ts'
import { connectRedis, prefix } from '../../src/bench/queue/redis-node.ts'
import { queuedRuns } from '../../src/bench/queue/worker-node.ts'
import type { Task } from '../../src/bench/run/plan.ts'
import {
  openResults,
  type Results,
  readFailed,
  readRows,
  readRuns,
} from '../../src/bench/run/results-node.ts'
import { failedNamed, keyNamed, question, rowNamed, runNamed } from '../bench/sample-row.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { hasRedis, type RedisServer, startRedis } from './redis-server.ts'

const queued: QueuedRun = {
  name: 'demo-0123',
  version: '0.1.0',
  benchmark: { name: 'demo', hash: keyNamed('questions') },
  model: { name: 'demo', hash: keyNamed('model') },
  settings: { dtype: 'f32', prompt: 'plain', maxNewTokens: 20 },
  ways: [{ method: 'none' }],
  ratios: false,
}

/** A picture's questions, each to be answered in one way, under the key of its id. */
const taskOf = (...ids: string[]): Task => ({
  image: question.image,
  asked: ids.map(id => ({
    question: { ...question, id } as Question,
    ways: [{ way: { method: 'none' }, key: keyNamed(id) }],
  })),
})

const idsOf = (job: Job<QueuedJob>): string[] => job.data.asked.map(({ id }) => id)

const answered = (job: Job<QueuedJob>): JobResult => ({
  rows: idsOf(job).map(id => rowNamed(id)),
  failed: [],
  run: runNamed('worker'),
})

describe.skipIf(!hasRedis)(
  'a queue (needs redis-server, which is not installed here if this is skipped)',
  () => {
    let server: RedisServer
    let redis: Redis
    let folder: string
    let results: Results
    const workers: Worker[] = []

    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.kill())

    beforeEach(async () => {
      redis = await connectRedis(server.url)
      await redis.flushall()
      folder = temporaryFolder()
      results = await openResults(folder, null)
    })
    afterEach(async () => {
      await Promise.all(workers.splice(0).map(worker => worker.close(true)))
      redis.disconnect()
      await results.close()
    })

    /** A worker of the test's own, with no model. */
    function workWith(answer: (job: Job<QueuedJob>) => unknown): Worker {
      const worker = new Worker<QueuedJob, unknown>(queued.name, async job => answer(job), {
        connection: redis,
        prefix,
        drainDelay: 1,
      })
      worker.on('error', () => {})
      workers.push(worker)
      return worker
    }

    const ask = (tasks: readonly Task[], more: Partial<QueueOptions> = {}): Promise<void> =>
      askThroughQueue({
        redis,
        run: queued,
        tasks,
        model: 'demo',
        results,
        signal: new AbortController().signal,
        onAnswers: () => {},
        ...more,
      })

    async function answers(): Promise<string[]> {
      const keys: string[] = []
      for await (const { key } of readRows(folder)) keys.push(key)
      return keys.sort()
    }

    const keysNamed = (...ids: string[]): string[] => ids.map(keyNamed).sort()

    it('gathers the answers of a worker, and how they were made, and leaves nothing behind', async () => {
      const counts: number[] = []
      const asking = ask([taskOf('a', 'b'), taskOf('c')], {
        onAnswers: ({ rows }) => counts.push(rows.length),
      })
      const jobs: string[][] = []
      workWith(job => {
        jobs.push(idsOf(job))
        return answered(job)
      })
      await asking
      expect(jobs).toEqual([['a', 'b'], ['c']])
      expect(await answers()).toEqual(keysNamed('a', 'b', 'c'))
      expect(counts).toEqual([2, 1])
      expect(await readRuns(folder)).toEqual(new Map([['worker', runNamed('worker')]]))
      await Promise.all(workers.splice(0).map(worker => worker.close()))
      expect(await redis.keys('*')).toEqual([])
    })

    it('says what it asks', async () => {
      const stop = new AbortController()
      const asking = ask([taskOf('a')], { signal: stop.signal })
      await expect.poll(() => queuedRuns(redis)).toEqual([queued])
      await redis.hset('vicrop:runs', 'other', '{"name": 1}', 'third', 'no JSON')
      expect(await queuedRuns(redis)).toEqual([queued])
      stop.abort()
      await expect(asking).rejects.toThrow('abort')
    })

    it('has at most eight questions of a picture in a job', async () => {
      const ids = Array.from({ length: 20 }, (_, i) => String(i))
      const asking = ask([taskOf(...ids)])
      const sizes: number[] = []
      workWith(job => {
        sizes.push(idsOf(job).length)
        return answered(job)
      })
      await asking
      expect(sizes).toEqual([8, 8, 4])
      expect(await answers()).toEqual(keysNamed(...ids))
    })

    it('is gathered by who comes after one that was stopped; what was answered meanwhile is not asked again', async () => {
      const stop = new AbortController()
      const first = ask([taskOf('a'), taskOf('b')], { signal: stop.signal })
      await expect.poll(() => queuedRuns(redis)).toHaveLength(1)
      stop.abort()
      await expect(first).rejects.toThrow()
      const asked: string[][] = []
      const worker = workWith(job => {
        asked.push(idsOf(job))
        return answered(job)
      })
      await expect.poll(() => asked.length).toBe(2)
      await worker.close()
      await ask([taskOf('a'), taskOf('b')])
      expect(asked).toEqual([['a'], ['b']])
      expect(await answers()).toEqual(keysNamed('a', 'b'))
    })

    it('counts an answer once, however often it comes', async () => {
      const queue = new Queue(queued.name, { connection: redis, prefix })
      const ofBefore = {
        asked: [
          { id: 'a', keys: [keyNamed('a')] },
          { id: 'old', keys: [keyNamed('old')] },
        ],
      }
      await queue.add('ask', ofBefore, { jobId: 'put-in-by-an-earlier-run' })
      const rows: number[] = []
      const asking = ask([taskOf('a', 'b')], { onAnswers: one => rows.push(one.rows.length) })
      workWith(answered)
      await asking
      await queue.close()
      expect(rows).toEqual([1, 1])
      expect(await answers()).toEqual(keysNamed('a', 'b'))
      expect((await results.done).size).toBe(2)
    })

    it('tries a question that fails again alone, and sets it aside with its error', async () => {
      const asking = ask([taskOf('a', 'poison', 'b')])
      const jobs: string[][] = []
      workWith(job => {
        const ids = idsOf(job)
        jobs.push(ids)
        const { rows, ...others } = answered(job)
        const failed = ids.includes('poison') ? [failedNamed('poison', 'its picture is broken')] : []
        return { ...others, rows: rows.filter(({ key }) => key !== keyNamed('poison')), failed }
      })
      await asking
      expect(jobs).toEqual([['a', 'poison', 'b'], ['poison']])
      expect(await answers()).toEqual(keysNamed('a', 'b'))
      expect([...(await readFailed(folder)).values()]).toEqual([
        failedNamed('poison', 'its picture is broken'),
      ])
    })

    it('sets the question aside that kills its workers, and no other', async () => {
      const asking = ask([taskOf('a', 'poison', 'b'), taskOf('c')])
      // What the queue says of a job whose worker was not heard of, again and again.
      workWith(job => {
        if (idsOf(job).includes('poison'))
          throw new UnrecoverableError('job stalled more than allowable limit')
        return answered(job)
      })
      await asking
      expect(await answers()).toEqual(keysNamed('a', 'b', 'c'))
      const failed = await readFailed(folder)
      expect([...failed.keys()]).toEqual([keyNamed('poison')])
      expect(failed.get(keyNamed('poison'))).toMatchObject({
        error: 'job stalled more than allowable limit',
        question: { id: 'poison' },
        benchmark: 'demo',
      })
    })

    it('takes no answer that is none', async () => {
      const asking = ask([taskOf('a')])
      workWith(() => ({ rows: [{ key: keyNamed('a') }], failed: [] }))
      await asking
      expect(await answers()).toEqual([])
      expect((await readFailed(folder)).get(keyNamed('a'))?.error).toMatch(/^its worker's answer is none/)
    })

    it('asks again alone what an answer leaves out, and then sets it aside', async () => {
      const asking = ask([taskOf('a', 'b', 'c')])
      const jobs: string[][] = []
      workWith(job => {
        jobs.push(idsOf(job))
        const { rows, ...others } = answered(job)
        return { ...others, rows: rows.filter(({ key }) => key === keyNamed('a')) }
      })
      await asking
      expect(jobs).toEqual([['a', 'b', 'c'], ['b'], ['c']])
      expect(await answers()).toEqual(keysNamed('a'))
      const failed = await readFailed(folder)
      expect([...failed.keys()].sort()).toEqual(keysNamed('b', 'c'))
      expect(failed.get(keyNamed('b'))?.error).toBe("its worker's answer lacks it")
    })

    it('is put in again when the server has forgotten it', async () => {
      const asking = ask([taskOf('a'), taskOf('b')])
      await expect.poll(() => queuedRuns(redis)).toHaveLength(1)
      await server.kill()
      await server.start()
      await expect.poll(() => queuedRuns(redis), { timeout: 10_000 }).toEqual([queued])
      workWith(answered)
      await asking
      expect(await answers()).toEqual(keysNamed('a', 'b'))
    })

    it('can be left while the server is away', async () => {
      const stop = new AbortController()
      const asking = ask([taskOf('a')], { signal: stop.signal })
      await expect.poll(() => queuedRuns(redis)).toHaveLength(1)
      await server.kill()
      stop.abort()
      await expect(asking).rejects.toThrow('abort')
      redis.disconnect()
      await server.start()
    })
  },
)

describe('a server that cannot be used', () => {
  it('is named without its password', async () => {
    await expect(connectRedis('redis://:secret@127.0.0.1:1/0')).rejects.toThrow(
      /^redis:\/\/127.0.0.1:1\/0: cannot be used \(.*ECONNREFUSED.*\). Is it the address of a Redis server/,
    )
  })
})
