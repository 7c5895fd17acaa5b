import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

// `vicrop serve` as a process of its own.

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface Running {
  /** Where it listens. */
  readonly url: string
  readonly process: ChildProcess
  /** Lines of its log so far. */
  log(): Record<string, unknown>[]
  /** Sends a signal, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals | null>
}

/** Starts a server on a free port, and ends it with the test. */
export async function serve(...how: Parameters<typeof start>): Promise<Running> {
  const running = await start(...how)
  onTestFinished(async () => {
    await running.stop('SIGKILL')
  })
  return running
}

/** Starts a server on a free port. */
export async function start(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const running = spawn(process.execPath, [main, 'serve', '--port', '0', ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(running, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  let [stdout, stderr] = ['', '']
  running.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  const url = await new Promise<string>((resolve, reject) => {
    running.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
      const found = /^vicrop serves \S+ at (http:\S+)\/v1\n/.exec(stdout)?.[1]
      if (found !== undefined) resolve(found)
    })
    void ended.then(() => reject(new Error(`ended before it served: ${stderr}`)))
  })
  return {
    url,
    process: running,
    log: () => {
      const lines = stderr.split('\n').slice(0, -1)
      return lines.map(line => JSON.parse(line))
    },
    async stop(signal = 'SIGTERM') {
      running.kill(signal)
      const [code, killedBy] = await ended
      return code ?? killedBy
    },
  }
}
