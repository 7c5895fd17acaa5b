import type { Context } from './decode/context.ts'
import { greedy } from './decode/greedy.ts'
import type { Mllm } from './mllm.ts'
import type { Prompt } from './models/model.ts'
import type { AskOptions } from './options.ts'

/** The paper's limit for an answer, in tokens. */
export const defaultMaxNewTokens = 20

/** How an answer came to its end. */
export interface Ending {
  /** Of `answer`: tokens of its prompt, pictures included, and of the answer itself. */
  readonly usage: { readonly promptTokens: number; readonly answerTokens: number }
  /** Of `answer`: `stop` where the model ended it, `length` where the limit or the model's room did. */
  readonly finishReason: 'stop' | 'length'
}

export interface Generated extends Ending {
  readonly text: string
}

interface GenerateOptions extends Pick<AskOptions, 'maxNewTokens' | 'signal' | 'onText'> {
  readonly of: 'plainAnswer' | 'answer'
}

/** The text that the model goes on from a prompt with, token after token the likeliest. */
export async function generate(
  { tokenizer, endTokenIds, model }: Mllm,
  context: Context,
  prompt: Prompt,
  { of, maxNewTokens = defaultMaxNewTokens, signal, onText }: GenerateOptions,
): Promise<Generated> {
  const { maxPositions } = model.language
  const tokens: number[] = []
  const give = inPieces(text => onText?.({ of, text }))
  const limits = { maxNewTokens, endTokenIds, maxPositions, ...(signal === undefined ? {} : { signal }) }
  for await (const token of greedy(context, prompt, limits)) {
    tokens.push(token)
    // The spaces around an answer are not part of it, and the last ones may be of what follows.
    if (onText !== undefined) give(tokenizer.decodeSettled(tokens).trim())
  }
  const text = tokenizer.decode(tokens).trim()
  give(text)
  // The last token is not in the cache yet when room or count end the answer.
  const isFull = tokens.length > 0 && prompt.length + tokens.length > maxPositions
  const finishReason = isFull || tokens.length === maxNewTokens ? 'length' : 'stop'
  return { text, usage: { promptTokens: prompt.length, answerTokens: tokens.length }, finishReason }
}

/** Takes a text that grows and gives what is new of it. */
function inPieces(give: (piece: string) => void): (text: string) => void {
  let given = ''
  return text => {
    if (text.length <= given.length) return
    give(text.slice(given.length))
    given = text
  }
}
