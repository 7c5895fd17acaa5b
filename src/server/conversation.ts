import { badRequest } from './errors.ts'
import type { Message } from './openai.ts'

/** Where in a conversation a picture stands. */
export interface PicturePlace {
  /** A data URL, or one of http or https. */
  readonly url: string
  readonly message: number
  readonly part: number
}

/** What a conversation asks, and about what. */
export interface Asked {
  /** The text of the user's last message. */
  readonly question: string
  /** Which of the messages that is. */
  readonly message: number
  /** Those of the user's last message that has any. */
  readonly pictures: readonly PicturePlace[]
}

/** null where the user says nothing. */
export function askedOf(messages: readonly Message[]): Asked | null {
  const message = messages.findLastIndex(({ role }) => role === 'user')
  if (message === -1) return null
  const pictures = messages.map(picturesIn).findLast(({ length }) => length > 0) ?? []
  return { question: textOf(messages[message] as Message), message, pictures }
}

function textOf({ content }: Message): string {
  if (!Array.isArray(content)) return content ?? ''
  const texts = content.flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : []))
  return texts.join('\n')
}

function picturesIn({ role, content }: Message, message: number): PicturePlace[] {
  if (role !== 'user' || !Array.isArray(content)) return []
  return content.flatMap(({ type, image_url }, part) =>
    type === 'image_url' && image_url !== undefined ? [{ url: image_url.url, message, part }] : [],
  )
}

const partTypes = ['text', 'image_url']

/** How many pictures of a message are looked at. */
export const maxPicturesAsked = 8

/**
 * What is asked of the model here.
 * @throws ApiError 400 for a conversation that asks nothing, about no picture, or about too many
 */
export function askedHere(messages: readonly Message[]): { question: string; urls: readonly string[] } {
  const asked = askedOf(messages)
  if (asked === null) throw badRequest('messages: none is of the role "user". Ask something.', 'messages')
  const param = `messages.${asked.message}.content`
  const { content } = messages[asked.message] as Message
  const strange = Array.isArray(content) && content.find(({ type }) => !partTypes.includes(type))
  if (strange)
    throw badRequest(`${param}: a part is of type "${strange.type}", take text and image_url.`, param)
  if (asked.question.trim() === '') throw badRequest(`${param}: has no text. Ask something.`, param)
  const { question, pictures } = asked
  if (pictures.length === 0)
    throw badRequest('messages: have no picture. Send one as a part of type image_url.', 'messages')
  if (pictures.length > maxPicturesAsked)
    throw badRequest(
      `messages: a message has ${pictures.length} pictures, at most ${maxPicturesAsked} are taken. Send fewer.`,
      'messages',
    )
  return { question, urls: pictures.map(({ url }) => url) }
}
