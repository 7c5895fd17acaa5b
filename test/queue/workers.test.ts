import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { randomNumbers } from '../../src/bench/random.ts'
import type { Row } from '../../src/bench/run/row.ts'
import { type Asked, says, serve } from '../cli/endpoint.ts'
import { type Ended, folderOfFile, type Surroundings, vicrop } from '../cli/vicrop.ts'
import { modelPath } from '../models/fixtures.ts'
import { hasRedis, type RedisServer, startRedis } from './redis-server.ts'

const root = folderOfFile()
const newFolder = (): string => mkdtempSync(join(root, 'out-'))
const benchmark = new URL('../../demo/benchmark/', import.meta.url)

const linesOf = (out: string, file = 'rows.jsonl'): string[] =>
  existsSync(join(out, file)) ? readFileSync(join(out, file), 'utf8').split('\n').slice(0, -1) : []

const rowsOf = (out: string, file?: string): Row[] => linesOf(out, file).map(line => JSON.parse(line))

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

function start(args: readonly string[], { env = {} }: Pick<Surroundings, 'env'> = {}): Running {
  const [kill, interrupt] = [new AbortController(), new AbortController()]
  const { promise: complains, resolve: onError } = deferred()
  const ended = vicrop(args, { env, killed: kill.signal, interrupted: interrupt.signal, onError })
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

    describe('with --answerer', () => {
      const env = { VICROP_ANSWERER_KEY: 'secret' }
      // Of runs that were stopped, workers would answer what is left.
      beforeEach(async () => {
        const redis = new Redis(server.url, { maxRetriesPerRequest: null })
        await redis.flushall()
        redis.disconnect()
      })

      const withKey = (...more: string[]): Running =>
        start(['bench', 'worker', '--queue', server.url, ...more], { env })
      const by = (url: string): string[] => ['--answerer', url, '--answerer-model', 'big']
      /** An answer that depends on all that is shown and asked, and on nothing else. */
      const reply = ({ text, pictures }: Asked) =>
        says(`${createHash('sha256').update(text).update(Buffer.concat(pictures)).digest('hex')}`)

      it('answer through it, as a single run does; the key is not in the queue', async () => {
        const endpoint = await serve(async asked => {
          await sleep(50)
          return reply(asked)
        })
        const [whole, out] = [newFolder(), newFolder()]
        const args = ['--limit', '20', '--methods', 'none,rel-att', ...by(endpoint.url)]
        expect((await vicrop(['bench', 'run', 'demo', '--out', whole, ...args], { env })).status).toBe(0)
        const asked = endpoint.asked.length
        const running = start(['bench', 'run', 'demo', '--out', out, '--queue', server.url, ...args], { env })
        const redis = new Redis(server.url, { maxRetriesPerRequest: null })
        const described = async (): Promise<string[]> =>
          (await redis.hvals('vicrop:runs')).filter(run => run.includes(endpoint.url))
        await expect.poll(described, { timeout: 20_000 }).toHaveLength(1)
        expect((await described()).join()).not.toContain('secret')
        redis.disconnect()
        const workers = Array.from({ length: 2 }, () => withKey('--answerer', endpoint.url))
        expect(await running.ended).toMatchObject({ status: 0, stderr: '' })
        await Promise.all(workers.map(one => one.interrupt()))
        expect(lasting(rowsOf(out))).toEqual(lasting(rowsOf(whole)))
        expect(rowsOf(out)).toHaveLength(40)
        expect(endpoint.asked.length).toBe(2 * asked)
        expect(new Set(endpoint.asked.map(({ key }) => key))).toEqual(new Set(['Bearer secret']))
        const files = readdirSync(join(out, 'runs')).map(file =>
          readFileSync(join(out, 'runs', file), 'utf8'),
        )
        expect(new Set(files.map(text => JSON.parse(text).answerer))).toEqual(new Set([endpoint.url]))
        expect(files.join()).not.toContain('secret')
      })

      it('ask it several questions at once, and no more than they may', async () => {
        const endpoint = await serve(async asked => {
          await sleep(200)
          return reply(asked)
        })
        const own = worker()
        const args = ['--limit', '12', '--methods', 'none', '--parallel', '3', ...by(endpoint.url)]
        expect((await run(newFolder(), ...args).ended).status).toBe(0)
        await own.interrupt()
        expect(endpoint.most()).toBe(3)
      })

      it('send their key nowhere that they were not told of', async () => {
        const endpoint = await serve(reply)
        const running = run(newFolder(), '--limit', '1', ...by(endpoint.url))
        const others = [withKey(), withKey('--answerer', 'http://127.0.0.1:9/v1')]
        await Promise.all(others.map(({ complains }) => complains))
        const ended = await Promise.all(others.map(one => one.interrupt()))
        const message = `vicrop: takes no questions of demo, demo: ${endpoint.url} is to answer: give --answerer ${endpoint.url} if VICROP_ANSWERER_KEY may be sent there, or unset it.\n`
        expect(ended.map(({ stderr }) => stderr)).toEqual([message, message])
        expect(endpoint.asked).toEqual([])
        await running.interrupt()
      })

      it('whose key is refused say so and give back what they took; others answer', async () => {
        const endpoint = await serve(asked =>
          asked.key === 'Bearer secret'
            ? reply(asked)
            : { status: 401, body: { error: { message: 'Incorrect API key.' } } },
        )
        const out = newFolder()
        const running = run(out, '--limit', '12', ...by(endpoint.url))
        const without = worker()
        await without.complains
        const own = withKey('--answerer', endpoint.url)
        expect(await running.ended).toMatchObject({ status: 0, stderr: '' })
        await own.interrupt()
        const { status, stdout, stderr } = await without.interrupt()
        expect({ status, stdout, stderr }).toEqual({
          status: 130,
          stdout: '',
          stderr: `vicrop: takes no questions of demo, demo for a minute: ${endpoint.url}: refused with status 401: Incorrect API key. Set VICROP_ANSWERER_KEY to its key.\n`,
        })
        expect(rowsOf(out)).toHaveLength(24)
        expect(existsSync(join(out, 'failed.jsonl'))).toBe(false)
      })

      it('go on at the address that the run is started again with', async () => {
        const endpoint = await serve(reply)
        const out = newFolder()
        const args = ['--limit', '4', '--methods', 'none']
        const wrong = run(out, ...args, ...by('http://127.0.0.1:9/v1'))
        const own = worker()
        await own.complains
        await wrong.interrupt()
        expect(await run(out, ...args, ...by(endpoint.url)).ended).toMatchObject({ status: 0, stderr: '' })
        expect((await own.interrupt()).stderr).toMatch(
          /^vicrop: takes no questions of demo, demo for a minute: http:\/\/127.0.0.1:9\/v1: cannot be asked/,
        )
        expect(rowsOf(out)).toHaveLength(4)
      })
    })

    it('answer shards that are queued side by side, each into its files', async () => {
      const [whole, out] = [newFolder(), newFolder()]
      const args = ['--limit', '30', '--methods', 'none,random']
      await vicrop(['bench', 'run', 'demo', '--out', whole, ...args])
      const workers = [worker(), worker()]
      const parts = ['1/2', '2/2'].map(shard => run(out, ...args, '--shard', shard))
      const ended = await Promise.all(parts.map(part => part.ended))
      expect(ended.map(({ status, stderr }) => ({ status, stderr }))).toEqual(
        Array(2).fill({ status: 0, stderr: '' }),
      )
      await Promise.all(workers.map(one => one.interrupt()))
      const rows = ['rows-1-of-2.jsonl', 'rows-2-of-2.jsonl'].map(file => rowsOf(out, file))
      expect(rows.every(part => part.length > 0)).toBe(true)
      expect(lasting(rows.flat())).toEqual(lasting(rowsOf(whole)))
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
