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
 * A conversation with a crop right after the picture that it is of; where that stands in an earlier message, at the start of
 * the last one. So all that came before that one stays as it was, and with it what the upstream server has cached.
 */
export function withCrop<T extends Message>(messages: readonly T[], asked: Asked, crop: Part): T[] {
  const { message: last, picture } = asked
  const at = picture?.message === last ? picture.part + 1 : 0
  return messages.map((message, i) => {
    if (i !== last) return message
    const { content } = message
    const parts = Array.isArray(content) ? content : [{ type: 'text', text: content ?? '' }]
    return { ...message, content: parts.toSpliced(at, 0, crop) }
  })
}
