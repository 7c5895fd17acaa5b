import { setTimeout as sleep } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { QueuedRun } from '../bench/queue/queue-schema.ts'
import { connectRedis } from '../bench/queue/redis-node.ts'
import { hasQuestions, queuedRuns, work } from '../bench/queue/worker-node.ts'
import { type OpenBenchmark, openBenchmark } from '../bench/read/read-node.ts'
import { findBenchmark } from '../bench/registry.ts'
import { EndOfRun } from '../bench/run/ask-in-ways.ts'
import { type KnownModel, knowModel, newRun, vicropVersion } from '../bench/run/facts-node.ts'
import { canonical, questionsHash } from '../bench/run/key-node.ts'
import type { Device } from '../onnx/session.ts'
import { ViCrop } from '../vicrop.ts'
import { answererBy, answererKey } from './bench-answerer.ts'
import { type BenchFlags, checkDataFolder, requireHome } from './bench-data.ts'
import { openOptions } from './options.ts'
import { grouped, oneLine } from './print.ts'
import { openingLine, type Progress, startProgress } from './progress.ts'

export interface WorkerFlags extends Pick<BenchFlags, 'data'> {
  readonly queue: string
  readonly model?: string
  readonly device: Device
  readonly threads?: number
  readonly answerer?: string
}

/** What a run asks for, found here as it has it. */
interface Prepared {
  readonly queued: QueuedRun
  readonly open: OpenBenchmark
  /** By the name that the run has for it. */
  readonly known: KnownModel
}

/** Milliseconds between two looks for a run. */
const lookEvery = 1000

/** Milliseconds before questions are taken again of a run whose answerer answered nothing: it may come back. */
const rest = 60_000

/** Milliseconds after an interruption, when nothing is waited for any more. */
const grace = 5000

/** Answers questions of whatever runs there are, until it is interrupted. */
export async function workForRuns(flags: WorkerFlags, signal: AbortSignal): Promise<void> {
  await checkDataFolder(flags.data)
  const redis = await connectRedis(flags.queue)
  const progress = startProgress('waiting for questions')
  const context = { flags, signal, redis, progress, opened: new OneModel() }
  const prepared = new Map<string, Prepared | null>()
  const restUntil = new Map<string, number>()
  const disconnect = (): void => redis.disconnect()
  signal.addEventListener('abort', () => setTimeout(disconnect, grace).unref(), { once: true })
  try {
    for (;;) {
      progress.say('waiting for questions')
      for (const queued of await queuedRuns(redis)) {
        const id = canonical(queued)
        if (!prepared.has(id)) prepared.set(id, await prepare(queued, context))
        const found = prepared.get(id)
        const isResting = performance.now() < (restUntil.get(id) ?? 0)
        if (!found || isResting || !(await hasQuestions(redis, queued))) continue
        if (!(await serve(found, context))) restUntil.set(id, performance.now() + rest)
      }
      await sleep(lookEvery, undefined, { signal })
    }
  } finally {
    progress.stop()
    await context.opened.close()
    disconnect()
  }
}

interface Context {
  readonly flags: WorkerFlags
  readonly signal: AbortSignal
  readonly redis: Redis
  readonly progress: Progress
  readonly opened: OneModel
}

/** Finds what a run asks for; says what is wrong here, and gives null, if it is not the same. */
async function prepare(queued: QueuedRun, { flags, signal, progress }: Context): Promise<Prepared | null> {
  try {
    if (queued.version !== vicropVersion)
      throw new Error(`it is asked by vicrop ${queued.version}, this is ${vicropVersion}. Install that one.`)
    requireAllowed(queued, flags)
    progress.say(`reading ${queued.benchmark.name}`)
    const home = await requireHome(findBenchmark(queued.benchmark.name), flags.data)
    const open = await openBenchmark(home.benchmark, home.data)
    if (questionsHash(open.questions) !== queued.benchmark.hash)
      throw new Error(
        `${queued.benchmark.name}: its questions are others here. Get the same edition, in the same form.`,
      )
    const known = await knowModel(modelOf(queued, flags), {
      ...queued.settings,
      signal,
      onProgress: done => progress.say(openingLine(done)),
    })
    if (known.hash !== queued.model.hash)
      throw new Error(
        `${known.name}: is another model here than ${queued.model.name} there. Name the same by --model.`,
      )
    return { queued, open, known: { ...known, name: queued.model.name } }
  } catch (error) {
    signal.throwIfAborted()
    complain(`takes no questions of ${titleOf(queued)}`, error as Error, progress)
    return null
  }
}

function complain(what: string, { message }: Error, progress: Progress): void {
  progress.stop()
  process.stderr.write(`vicrop: ${what}: ${oneLine(message)}\n`)
}

/** Whoever writes to the server says where answers come from; where the key goes is said here. */
function requireAllowed({ answerer }: QueuedRun, flags: WorkerFlags): void {
  if (answerer === undefined || answererKey() === null || flags.answerer === answerer.url) return
  throw new Error(
    `${answerer.url} is to answer: give --answerer ${answerer.url} if VICROP_ANSWERER_KEY may be sent there, or unset it.`,
  )
}

const titleOf = ({ benchmark, model }: QueuedRun): string => `${benchmark.name}, ${model.name}`

/** undefined: the demo model, which lies elsewhere on each machine. */
const modelOf = ({ model }: QueuedRun, flags: WorkerFlags): string | undefined =>
  flags.model ?? (model.name === 'demo' ? undefined : model.name)

/** @returns false where the run's answerer answers this worker nothing more */
async function serve({ queued, open, known }: Prepared, context: Context): Promise<boolean> {
  const { flags, signal, redis, progress, opened } = context
  const { device, threads } = flags
  const { settings, ways, ratios, answerer } = queued
  const { prompt, dtype, fit, maxPixels } = settings
  progress.say('opening the model')
  const vicrop = await opened.get(canonical([known.hash, settings]), () =>
    ViCrop.open(modelOf(queued, flags), {
      ...openOptions({ prompt, dtype, device, ...(fit && { fit }), ...(maxPixels && { maxPixels }) }),
      ...(threads && { threads }),
      signal,
      onProgress: done => progress.say(openingLine(done)),
    }),
  )
  const run = newRun(known, open, settings, ways, { device, threads, answerer: answerer?.url })
  const { maxNewTokens } = settings
  let count = 0
  const say = (): void => progress.say(`${titleOf(queued)}: ${grouped(count)} answers`)
  say()
  const asker = {
    ...{ vicrop, maxNewTokens, ratios, signal },
    answerer: answerer === undefined ? null : answererBy(answerer.url, answerer.model),
  }
  try {
    await work({
      ...{ redis, queued, open, run, asker },
      onAnswers({ rows, failed }) {
        count += rows.length + failed.length
        say()
      },
    })
  } catch (error) {
    if (!(error instanceof EndOfRun)) throw error
    complain(`takes no questions of ${titleOf(queued)} for a minute`, error, progress)
    return false
  }
  progress.stop()
  process.stdout.write(`${titleOf(queued)}: ${grouped(count)} answers\n`)
  return true
}

/** The model that was opened last. */
class OneModel {
  #opened: { readonly id: string; readonly vicrop: ViCrop } | null = null

  async get(id: string, open: () => Promise<ViCrop>): Promise<ViCrop> {
    if (this.#opened?.id === id) return this.#opened.vicrop
    await this.close()
    const vicrop = await open()
    this.#opened = { id, vicrop }
    return vicrop
  }

  async close(): Promise<void> {
    await this.#opened?.vicrop.release()
    this.#opened = null
  }
}
