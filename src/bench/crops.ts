import type { Box, Size } from '../image/image.ts'
import { randomNumbers } from './random.ts'
import { sampleNumber } from './sample.ts'

// Crops that no method finds: what a person would choose, and controls. `base` is the model's input in pixels, the smallest
// crop of the paper's rule.

/** The smallest square that holds all boxes, at least as large as the base, as far as the picture allows. */
export function humanCrop(boxes: readonly Box[], base: number, image: Size): Box {
  const left = Math.floor(Math.min(...boxes.map(box => box.x)))
  const top = Math.floor(Math.min(...boxes.map(box => box.y)))
  const right = Math.ceil(Math.max(...boxes.map(box => box.x + box.width)))
  const bottom = Math.ceil(Math.max(...boxes.map(box => box.y + box.height)))
  const side = Math.max(right - left, bottom - top, base)
  return squareAt((left + right) / 2, (top + bottom) / 2, side, image)
}

/** Where and how large, between once and twice the base, depends on question and seed alone: on no order, and no machine. */
export function randomCrop(id: string, seed: number, base: number, image: Size): Box {
  const random = randomNumbers(sampleNumber(id, seed))
  const side = Math.round(base * (1 + random()))
  return squareAt(random() * image.width, random() * image.height, side, image)
}

export const centreCrop = (base: number, image: Size): Box =>
  squareAt(image.width / 2, image.height / 2, base, image)

/** A square of whole pixels pushed inside the picture. */
export function squareAt(centreX: number, centreY: number, side: number, image: Size): Box {
  const size = Math.ceil(Math.min(side, image.width, image.height))
  const place = (centre: number, length: number): number =>
    Math.round(Math.min(Math.max(centre - size / 2, 0), length - size))
  return { x: place(centreX, image.width), y: place(centreY, image.height), width: size, height: size }
}
