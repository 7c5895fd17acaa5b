import pLimit from 'p-limit'
import { ApiError } from './errors.ts'

/** A request that was taken in. */
export interface Turn {
  /** Fires when the client leaves, when the time is over. */
  readonly signal: AbortSignal
  /** Waits for the model to be free, and has it until the job ends. */
  compute<T>(job: () => Promise<T>): Promise<T>
}

export interface WorkLimits {
  /** How many requests are taken in at once, that which the model works at included. */
  readonly maxQueue: number
  /** What a request may take in all. */
  readonly timeoutMs: number
}

/** Nobody reads it; the log counts such requests. */
export const clientGone = (): ApiError => new ApiError(499, 'The client left before the answer.')

/** The longest wait that is advised. */
const maxRetryAfterS = 60

/**
 * The requests being worked at: a bounded number of them, each for a bounded time, and one at a time at the model, whose
 * operators use all cores by themselves.
 */
export class Work {
  readonly #limits: WorkLimits
  readonly #model = pLimit(1)
  #admitted = 0
  /** What a job at the model takes, as a moving average. */
  #jobMs = 0

  constructor(limits: WorkLimits) {
    this.#limits = limits
  }

  get running(): number {
    return this.#model.activeCount
  }

  /** Requests taken in that the model does not work at: being read, or in the queue. */
  get waiting(): number {
    return Math.max(0, this.#admitted - this.running)
  }

  /**
   * Takes a request in.
   * @param client fires when the client leaves
   * @throws ApiError 429 at once when there are too many, 503 when the time is over
   */
  async take<T>(client: AbortSignal, work: (turn: Turn) => Promise<T>): Promise<T> {
    const { maxQueue, timeoutMs } = this.#limits
    if (this.#admitted >= maxQueue) throw this.#tooMany()
    this.#admitted++
    const ending = new AbortController()
    const { signal } = ending
    const leave = (): void => ending.abort(clientGone())
    const timer = setTimeout(() => ending.abort(this.#tooLate()), timeoutMs)
    client.addEventListener('abort', leave, { once: true })
    if (client.aborted) leave()
    try {
      return await unlessAborted(work({ signal, compute: job => this.#compute(signal, job) }), signal)
    } finally {
      this.#admitted--
      clearTimeout(timer)
      client.removeEventListener('abort', leave)
    }
  }

  /** Whoever leaves the queue leaves at once; the model is free again when the job has really ended. */
  #compute<T>(signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    const timed = async (): Promise<T> => {
      signal.throwIfAborted()
      const start = performance.now()
      try {
        return await job()
      } finally {
        const ms = performance.now() - start
        this.#jobMs = this.#jobMs === 0 ? ms : 0.9 * this.#jobMs + 0.1 * ms
      }
    }
    return unlessAborted(this.#model(timed), signal)
  }

  #tooMany(): ApiError {
    const { maxQueue } = this.#limits
    return new ApiError(
      429,
      `${maxQueue} requests are being worked at, more are not taken. Try again later.`,
      {
        code: 'queue_full',
        retryAfterS: this.#retryAfterS(),
      },
    )
  }

  #tooLate(): ApiError {
    const seconds = this.#limits.timeoutMs / 1000
    return new ApiError(503, `The answer took longer than ${seconds} s. Ask for less, or try again later.`, {
      code: 'timeout',
      retryAfterS: this.#retryAfterS(),
    })
  }

  /** When half of the queue will be through. */
  #retryAfterS(): number {
    const seconds = Math.ceil((this.#jobMs * this.#admitted) / 2 / 1000)
    return Math.min(maxRetryAfterS, Math.max(1, seconds))
  }
}

/** The result of what goes on whatever happens, unless a signal fires before. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    if (signal.aborted) abort()
  })
}
