import type { Box } from '../image/image.ts'
import { cropImage, type Image } from '../image/image.ts'
import { resize } from '../image/resize.ts'
import type { Asked } from './conversation.ts'
import { pngUrl } from './looked.ts'
import type { Message } from './openai.ts'

/** The longer side of an enlarged crop, at most. */
const maxSidePx = 1024

/**
 * A crop as a part of a message. It is enlarged until its longer side is that of the picture, or 1,024 pixels: models that
 * take pictures at their size would not see more of it otherwise than they saw in the picture.
 */
export async function cropPart(image: Image, crop: Box): Promise<Part> {
  const goal = Math.min(maxSidePx, Math.max(image.width, image.height))
  const factor = Math.max(1, goal / Math.max(crop.width, crop.height))
  const size = { width: Math.round(crop.width * factor), height: Math.round(crop.height * factor) }
  const region = cropImage(image, crop)
  const url = await pngUrl(factor === 1 ? region : resize(region, size, 'bicubic'))
  return { type: 'image_url', image_url: { url } }
}

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
