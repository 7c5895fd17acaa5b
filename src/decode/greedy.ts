import type { Prompt } from '../models/model.ts'
import type { Context } from './context.ts'

export interface GreedyOptions {
  readonly maxNewTokens: number
  /** Tokens that end the answer; they are not given. */
  readonly endTokenIds: readonly number[]
  /** The model's longest sequence; an answer that reaches it ends there. */
  readonly maxPositions: number
  readonly signal?: AbortSignal
}

/** The most probable next token, again and again, until the answer ends. */
export async function* greedy(
  context: Context,
  prompt: Prompt,
  options: GreedyOptions,
): AsyncGenerator<number, void> {
  const { maxNewTokens, endTokenIds, maxPositions, signal } = options
  await context.hold(prompt.slice(0, -1), signal)
  let next = prompt.slice(-1)
  for (let i = 0; i < maxNewTokens; i++) {
    // A prompt without room is an error, an answer that reaches the end is one that ends there.
    if (i > 0 && context.length >= maxPositions) return
    const token = argmax(await context.append(next, signal))
    if (endTokenIds.includes(token)) return
    yield token
    next = [token]
  }
}

/** The index of the largest value, the first of equals. */
export function argmax(values: Float32Array): number {
  let best = 0
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i
  return best
}
