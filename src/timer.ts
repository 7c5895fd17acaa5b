/** Milliseconds by the name of what took them. */
export type Timings = Readonly<Record<string, number>>

export interface Timer {
  /** Adds what `work` takes to what the name has. */
  time<T>(name: string, work: () => Promise<T>): Promise<T>
  /** All times, and as `totalMs` the time since the start. */
  finish(): Timings
}

/** @param before times of what was done earlier */
export function startTimer(before: Timings): Timer {
  const start = performance.now()
  const timings: Record<string, number> = { ...before }
  return {
    async time(name, work) {
      const from = performance.now()
      const result = await work()
      timings[name] = (timings[name] ?? 0) + performance.now() - from
      return result
    },
    finish: () => ({ ...timings, totalMs: performance.now() - start }),
  }
}
