import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { randomNumbers } from '../../src/bench/random.ts'
import type { Row } from '../../src/bench/run/row.ts'
import { type Ended, folderOfFile, vicrop } from '../cli/vicrop.ts'
import { modelPath } from '../models/fixtures.ts'
import { hasRedis, type RedisServer, startRedis } from './redis-server.ts'

const root = folderOfFile()
const newFolder = (): string => mkdtempSync(join(root, 'out-'))
const benchmark = new URL('../../demo/benchmark/', import.meta.url)

const linesOf = (out: string): string[] =>
  existsSync(join(out, 'rows.jsonl'))
    ? readFileSync(join(out, 'rows.jsonl'), 'utf8').split('\n').slice(0, -1)
    : []

const rowsOf = (out: string): Row[] => linesOf(out).map(line => JSON.parse(line))

/** What has to be the same whenever and wherever a question is asked. */
const lasting = (rows: readonly Row[]): object[] =>
  rows.map(({ run: _, timings: __, ...row }) => row).sort((a, b) => (a.key < b.key ? -1 : 1))

/** A process that can be ended in both ways. */
interface Running {
  readonly ended: Promise<Ended>
  /** When it says something on standard error. */
  readonly complains: Promise<void>
  kill(): Promise<Ended>
  interrupt(): Promise<Ended>
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {}
  const promise = new Promise<void>(done => {
    resolve = done
  })
  return { promise, resolve }
}

function start(args: readonly string[]): Running {
  const [kill, interrupt] = [new AbortController(), new AbortController()]
  const { promise: complains, resolve: onError } = deferred()
  const ended = vicrop(args, { killed: kill.signal, interrupted: interrupt.signal, onError })
  const endBy = (end: AbortController) => () => {
    end.abort()
    return ended
  }
  return { ended, complains, kill: endBy(kill), interrupt: endBy(interrupt) }
}

/** How many answer questions of the only run. */
async function workerCount(url: string): Promise<number> {
  const redis = new Redis(url, { maxRetriesPerRequest: null })
  const [name = ''] = await redis.hkeys('vicrop:runs')
  const count = await new Queue(name, { connection: redis, prefix: 'vicrop' }).getWorkersCount()
  redis.disconnect()
  return count
}

describe.skipIf(!hasRedis)(
  'workers (need redis-server, which is not installed here if this is skipped)',
  () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.kill())

    const worker = (...more: string[]): Running => start(['bench', 'worker', '--queue', server.url, ...more])
    const run = (out: string, ...more: string[]): Running =>
      start(['bench', 'run', 'demo', '--out', out, '--queue', server.url, ...more])

    it('that are killed, a server that is, and a run that is: every question once, as a single run answers it', async () => {
      const [whole, out] = [newFolder(), newFolder()]
      const args = ['--limit', '60', '--methods', 'none,rel-att,random']
      expect((await vicrop(['bench', 'run', 'demo', '--out', whole, ...args])).status).toBe(0)
      const random = randomNumbers(1)
      const workers = Array.from({ length: 4 }, () => worker())
      let running = run(out, ...args)
      const until = async (count: number): Promise<void> => {
        while (linesOf(out).length < count) await sleep(20)
      }
      for (const count of [10, 25, 40, 55, 70, 85]) {
        await until(count)
        await sleep(random() * 300)
        const which = Math.floor(random() * workers.length)
        expect((await workers[which]?.kill())?.status).toBe('SIGKILL')
        workers[which] = worker()
        if (count === 40) {
          // Who starts while there is no server says so and ends.
          while ((await workerCount(server.url)) < workers.length) await sleep(20)
          await server.kill()
          await sleep(500)
          await server.start()
        }
        if (count === 70) {
          expect((await running.kill()).status).toBe('SIGKILL')
          running = run(out, ...args)
        }
      }
      expect(await running.ended).toMatchObject({ status: 0, stderr: '' })
      const lines = linesOf(out)
      expect(lines).toHaveLength(180)
      expect(new Set(rowsOf(out).map(({ key }) => key)).size).toBe(180)
      expect(lasting(rowsOf(out))).toEqual(lasting(rowsOf(whole)))
      expect(new Set(rowsOf(out).map(row => row.run)).size).toBeGreaterThan(2)
      const ended = await Promise.all(workers.map(one => one.interrupt()))
      expect(ended.map(({ status, stderr }) => ({ status, stderr }))).toEqual(
        Array(4).fill({ status: 130, stderr: '' }),
      )
    }, 300_000)

    it('set a question aside that none can answer, after three attempts', async () => {
      const data = mkdtempSync(join(root, 'data-'))
      mkdirSync(join(data, 'demo'))
      copyFileSync(new URL('000.webp', benchmark), join(data, 'demo', '000.webp'))
      const [first, second] = JSON.parse(readFileSync(new URL('questions.json', benchmark), 'utf8'))
      const long = { ...first, question: 'why '.repeat(3000) }
      writeFileSync(join(data, 'demo', 'questions.json'), JSON.stringify([first, long, second]))
      const out = newFolder()
      const own = worker('--data', data)
      const { status, stdout } = await run(out, '--data', data, '--methods', 'none').ended
      expect(status).toBe(1)
      expect(stdout).toContain('3 answers: 2 now, 0 before, 1 set aside')
      const [failed] = readFileSync(join(out, 'failed.jsonl'), 'utf8').trimEnd().split('\n')
      expect(JSON.parse(failed as string)).toMatchObject({
        question: { question: long.question.trim() },
        error: expect.stringMatching(/^prompt: \d+ positions, the model has room for 1024/),
      })
      await own.interrupt()
    })

    it('with another model, or other questions, say so and take nothing', async () => {
      const data = mkdtempSync(join(root, 'data-'))
      mkdirSync(join(data, 'demo'))
      writeFileSync(
        join(data, 'demo', 'questions.json'),
        readFileSync(new URL('questions.json', benchmark), 'utf8').replace('"A"', '"B"'),
      )
      const out = newFolder()
      const others = [worker('--model', modelPath('base')), worker('--data', data)]
      const running = run(out, '--limit', '1')
      await Promise.all(others.map(({ complains }) => complains))
      const ended = await Promise.all(others.map(one => one.interrupt()))
      expect(ended.map(({ stderr }) => stderr)).toEqual([
        `vicrop: takes no questions of demo, demo: ${modelPath('base')}: is another model here than demo there. Name the same by --model.\n`,
        'vicrop: takes no questions of demo, demo: demo: its questions are others here. Get the same edition, in the same form.\n',
      ])
      expect(linesOf(out)).toEqual([])
      expect(await running.interrupt()).toMatchObject({
        status: 130,
        stderr: `vicrop: stopped. Run the same again to go on in ${out}.\n`,
      })
    })

    it('that are interrupted give back what they have taken', async () => {
      const out = newFolder()
      const running = run(out, '--limit', '60')
      const first = worker()
      while (linesOf(out).length === 0) await sleep(20)
      expect((await first.interrupt()).status).toBe(130)
      const redis = new Redis(server.url, { maxRetriesPerRequest: null })
      const [name] = (await redis.hkeys('vicrop:runs')).filter(key => key.startsWith('demo-'))
      const queues = await Promise.all(
        (await redis.hkeys('vicrop:runs')).map(key =>
          new Queue(key, { connection: redis, prefix: 'vicrop' }).getActiveCount(),
        ),
      )
      expect(name).toBeDefined()
      expect(queues.every(active => active === 0)).toBe(true)
      redis.disconnect()
      await running.interrupt()
    })

    it.each([
      [
        'http://localhost:6379',
        2,
        'that is no address of a Redis server. Give one such as redis://localhost:6379.',
      ],
      ['redis://127.0.0.1:1', 1, 'redis://127.0.0.1:1: cannot be used ('],
    ])('%s is no server', async (url, status, message) => {
      const [asking, answering] = await Promise.all([
        vicrop(['bench', 'run', 'demo', '--out', newFolder(), '--queue', url]),
        vicrop(['bench', 'worker', '--queue', url]),
      ])
      expect([asking.status, answering.status]).toEqual([status, status])
      expect(asking.stderr).toContain(message)
      expect(answering.stderr).toContain(message)
    })
  },
)
