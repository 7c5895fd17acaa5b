import pino, { type Logger } from 'pino'
import { oneLine } from './print.ts'

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'silent'

/** A log on standard error: a JSON object a line, or where somebody watches a line to read. */
export function serverLog(level: LogLevel): Logger {
  const { stderr } = process
  const destination = stderr.isTTY
    ? { write: (line: string) => void stderr.write(`${readable(JSON.parse(line))}\n`) }
    : pino.destination({ dest: 2, sync: true })
  return pino({ level }, destination)
}

/** When, what was asked, and what came of it. */
export function readable(line: Readonly<Record<string, unknown>>): string {
  const { time, msg, method, path, status, ms, error } = line
  const what = method === undefined ? [msg] : [method, path, status, `${ms} ms`]
  const when = new Date(time as number).toTimeString().slice(0, 8)
  return oneLine([when, ...what, ...(error === undefined ? [] : [error])].join(' '))
}
