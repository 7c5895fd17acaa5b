import { spinner } from '@clack/prompts'

/** A line on standard error that says what is being done. */
export interface Progress {
  say(message: string): void
  stop(): void
}

/** Animated where somebody watches, silent where standard error is a file or a pipe. */
export function startProgress(message: string): Progress {
  if (!process.stderr.isTTY) return { say: () => {}, stop: () => {} }
  const line = spinner({ output: process.stderr, indicator: 'timer' })
  line.start(message)
  return { say: text => line.message(text), stop: () => line.clear() }
}

/** Done of a whole, as a bar and a percentage. */
export function bar(done: number, total: number): string {
  const width = 24
  const filled = Math.round((width * done) / total)
  return `${'━'.repeat(filled)}${'─'.repeat(width - filled)} ${Math.round((100 * done) / total)} %`
}
