import { type SpinnerResult, spinner } from '@clack/prompts'
import type { KnowProgress } from '../bench/facts-node.ts'
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

/** How fast work goes, and how long what is left will take, by what was done in some milliseconds. */
export function paceOf(done: number, left: number, ms: number): string {
  const aSecond = (1000 * done) / ms
  const rate = aSecond >= 1 ? `${aSecond.toFixed(1)} a second` : `${(60 * aSecond).toFixed(1)} a minute`
  return `${rate}, ${durationText(left / aSecond)} left`
}

/** Seconds in the two largest units. */
function durationText(seconds: number): string {
  const minutes = Math.round(seconds / 60)
  if (minutes < 1) return `${Math.ceil(seconds)} s`
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

const stages = {
  downloading: 'downloading the model',
  hashing: 'hashing the model',
  converting: 'converting weights',
} as const

/** How far the opening of a model is, or what goes before it. */
export const openingLine = ({ stage, doneBytes, totalBytes }: OpenProgress | KnowProgress): string =>
  `${stages[stage]} ${bar(doneBytes, totalBytes)}`
