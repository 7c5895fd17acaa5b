/** A checkpoint that cannot be used. The message is one line: which file, what was found, what to do. */
export class WeightsError extends Error {
  override name = 'WeightsError'
}

/** A message has to stay readable whatever an untrusted file contains. */
const MAX_QUOTED = 200

/** A text that may come from an untrusted file, for a message: without control characters, of bounded length. */
export function oneLine(text: string): string {
  const line = text.slice(0, MAX_QUOTED).replace(/[\p{Cc}\u2028\u2029]/gu, '?')
  return text.length <= MAX_QUOTED ? line : `${line}…`
}

/** A name or value out of an untrusted file, as JSON, for a message. */
export const quote = (value: unknown): string => oneLine(String(JSON.stringify(value)))
