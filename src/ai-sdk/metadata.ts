import type { JSONObject } from '@ai-sdk/provider'
import type { Answer, Look } from '../picture.ts'

/** What the metadata of an answer says beside it: where the model looked, and how. */
export type VicropMetadata = Omit<
  Answer<string | null>,
  'question' | 'answer' | 'usage' | 'finishReason' | 'importance' | 'others'
> & {
  /** Where it looked in the further pictures of the question. */
  readonly others: readonly Seen[]
}

type Seen = Omit<Look, 'question' | 'importance'>

/** What the metadata says of a picture that is another model's to read. */
export type VicropLook = Seen | NoLook

/** Why it was not looked at. */
export interface NoLook {
  readonly crop: null
  readonly cropReason: 'no question' | 'method none' | 'look failed'
  /** What failed, in one sentence. */
  readonly problem?: string
}

export function answerMetadata(answer: Answer<string | null>): VicropMetadata {
  const { question, answer: _, usage, finishReason, importance, others, ...metadata } = answer
  return { ...metadata, others: others.map(lookMetadata) }
}

export function lookMetadata(look: Look): Seen {
  const { question, importance, ...metadata } = look
  return metadata
}

/** All of it is plain data: the SDK's type for that knows no readonly arrays. */
export const asJson = (metadata: object): JSONObject => metadata as JSONObject
