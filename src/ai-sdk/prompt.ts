import { type LanguageModelV3Prompt, UnsupportedFunctionalityError } from '@ai-sdk/provider'
import { InputError } from '../input-error.ts'
import { checkQuestion } from '../options.ts'
import { promptError } from './errors.ts'

// Prompts of the AI SDK: which picture is asked about, and what is asked.

/** A part of a message, as much of it as AI SDK 6 and 7 have in common. */
export interface Part {
  readonly type: string
  readonly text?: unknown
  readonly mediaType?: unknown
  readonly data?: unknown
}

/** A message, likewise. A system message is a text. */
export interface Message {
  readonly role: string
  readonly content: string | readonly Part[]
}

export interface Asked {
  /** Of the pictures. */
  readonly files: readonly Uint8Array[]
  readonly question: string
  /** Whether there is more in the prompt than the question and its pictures. */
  readonly leftOut: readonly ('system messages' | 'earlier messages')[]
}

/**
 * The question of the last message, about its pictures or else those of the newest message before that has any.
 *
 * @throws InvalidPromptError, UnsupportedFunctionalityError
 */
export function readPrompt(prompt: LanguageModelV3Prompt): Asked {
  try {
    return readMessages(prompt)
  } catch (error) {
    throw promptError(error, prompt)
  }
}

function readMessages(messages: readonly Message[]): Asked {
  const last = messages.at(-1)
  if (last?.role !== 'user')
    throw new InputError(`the last message has the role "${last?.role}". End with a question of the user.`)
  refuseOtherFiles(last)
  const question = textOf(last)
  checkQuestion(question)
  const shown = messages.findLast(message => picturesOf(message).length > 0)
  if (shown === undefined) throw new InputError('no message has a picture. Give one as an image part.')
  return { files: picturesOf(shown).map(fileOf), question, leftOut: leftOutOf(messages, shown) }
}

function refuseOtherFiles(message: Message): void {
  const other = partsOf(message).find(part => part.type === 'file' && !isPicture(part))
  if (other === undefined) return
  throw new UnsupportedFunctionalityError({ functionality: `files of type ${other.mediaType}` })
}

function leftOutOf(messages: readonly Message[], shown: Message): Asked['leftOut'] {
  const others = messages.slice(0, -1)
  const isSystem = ({ role }: Message): boolean => role === 'system'
  const isOfConversation = (message: Message): boolean =>
    !isSystem(message) && (message !== shown || textOf(message) !== '')
  return [
    ...(others.some(isSystem) ? (['system messages'] as const) : []),
    ...(others.some(isOfConversation) ? (['earlier messages'] as const) : []),
  ]
}

export const partsOf = ({ content }: Message): readonly Part[] => (typeof content === 'string' ? [] : content)

/** Version 7 of the SDK gives pictures of a type that it could not detect as `image`, version 6 as `image/*`. */
const isPicture = ({ type, mediaType }: Part): boolean =>
  type === 'file' && typeof mediaType === 'string' && /^image(\/|$)/.test(mediaType)

export const picturesOf = (message: Message): readonly Part[] =>
  message.role === 'user' ? partsOf(message).filter(isPicture) : []

export const textOf = (message: Message): string =>
  partsOf(message)
    .flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? [text] : []))
    .join('\n')

/**
 * The bytes of a picture. Version 6 of the SDK gives them to middleware as they are, version 7 as a tagged union.
 *
 * @throws InputError where there are none
 */
export function fileOf({ data }: Part): Uint8Array {
  const content = isTagged(data) ? data[data.type] : data
  if (content instanceof Uint8Array) return content
  if (typeof content === 'string') return bytesOfBase64(content)
  const found = content instanceof URL ? 'is a URL that was not downloaded' : 'has no bytes'
  throw new InputError(`the picture ${found}. Give a Uint8Array, or base64.`)
}

/** Bytes as the data of a part that comes from where this one does. */
export const dataLike = ({ data }: Part, bytes: Uint8Array): unknown =>
  isTagged(data) ? { type: 'data', data: bytes } : bytes

/** `{ type: 'data', data }`, `{ type: 'url', url }`, ... */
const isTagged = (data: unknown): data is { readonly type: string; readonly [key: string]: unknown } =>
  typeof data === 'object' && data !== null && 'type' in data && typeof data.type === 'string'

function bytesOfBase64(text: string): Uint8Array {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = new Uint8Array(binary.length)
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
    return bytes
  } catch {
    throw new InputError('the picture is not base64. Give a Uint8Array, or base64.')
  }
}
