import type { Box, Image } from '../image/image.ts'
import { showCrop } from '../image/show.ts'
import type { Asked } from './conversation.ts'
import { pngUrl } from './looked.ts'
import type { Message } from './openai.ts'

/** A crop as a part of a message. */
export const cropPart = async (image: Image, crop: Box): Promise<Part> => ({
  type: 'image_url',
  image_url: { url: await pngUrl(showCrop(image, crop)) },
})

export type Part = Exclude<Message['content'], string | null | undefined>[number]

/**
 * A conversation with each crop right behind the picture that it is of; where the pictures stand in an earlier message, at the
 * start of the last one. So all that came before that one stays as it was, and with it what the upstream server has cached.
 *
 * @param crops of each picture that is asked about; null: none
 */
export function withCrops<T extends Message>(
  messages: readonly T[],
  { message: last, pictures }: Asked,
  crops: readonly (Part | null)[],
): T[] {
  const isOwn = pictures.every(({ message }) => message === last)
  const cropOf = (part: number): Part | null => crops[pictures.findIndex(one => one.part === part)] ?? null
  return messages.map((message, i) => {
    if (i !== last) return message
    const { content } = message
    const parts = Array.isArray(content) ? content : [{ type: 'text', text: content ?? '' }]
    const withOwn = isOwn ? parts.flatMap((part, i) => [part, cropOf(i)]) : [...crops, ...parts]
    return { ...message, content: withOwn.filter(part => part !== null) }
  })
}
