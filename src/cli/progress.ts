import { type SpinnerResult, spinner } from '@clack/prompts'
import type { OpenProgress } from '../load.ts'

/** A line on standard error that says what is being done. */
export interface Progress {
  /** Shows the line, or changes it. */
  say(message: string): void
  /** Takes the line away until there is something to say again. */
  stop(): void
}

/** Animated where somebody watches, silent where standard error is a file or a pipe. */
export function startProgress(message: string): Progress {
  if (!process.stderr.isTTY) return { say: () => {}, stop: () => {} }
  let line: SpinnerResult | null = null
  const say = (text: string): void => {
    if (line !== null) line.message(text)
    else {
      line = spinner({ output: process.stderr, indicator: 'timer', withGuide: false })
      line.start(text)
    }
  }
  const stop = (): void => {
    line?.clear()
    line = null
  }
  say(message)
  return { say, stop }
}

/** Done of a whole, as a bar and a percentage. */
export function bar(done: number, total: number): string {
  const width = 24
  const filled = Math.round((width * done) / total)
  return `${'━'.repeat(filled)}${'─'.repeat(width - filled)} ${Math.round((100 * done) / total)} %`
}

const openingStages = {
  downloading: 'downloading the model',
  converting: 'converting weights',
} as const

/** How far the opening of a model is. */
export const openingLine = ({ stage, doneBytes, totalBytes }: OpenProgress): string =>
  `${openingStages[stage]} ${bar(doneBytes, totalBytes)}`
