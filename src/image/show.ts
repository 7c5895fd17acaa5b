import { scaleBox, scaleGeometry } from './geometry.ts'
import { type Box, cropImage, type Image, type Size } from './image.ts'
import { enlargedOverlay, type HeatMap, overlay } from './overlay.ts'
import { resize } from './resize.ts'

// Pictures for other models, of sizes that they see well.

/** The longer side of an enlarged crop has at most so many pixels. */
const largestCropSide = 1024

/** The longer side of a map over its picture has at most so many pixels: it is there to be seen as a whole. */
const largestMapSide = 1536

/**
 * The part of a picture in `box`, enlarged until its longer side is that of the picture, or 1,024 pixels: models that take
 * pictures at their size would not see more of it otherwise than they saw in the picture.
 */
export function showCrop(image: Image, box: Box): Image {
  const goal = Math.min(largestCropSide, longerSide(image))
  const factor = Math.max(1, goal / longerSide(box))
  return resize(cropImage(image, box), scaled(box, factor), 'bicubic')
}

/** A map over its picture, with the crop drawn; a large picture is made smaller. */
export function showMap(image: Image, { values, geometry }: HeatMap, crop: Box | null): Image {
  const factor = largestMapSide / longerSide(image)
  if (factor >= 1) return enlargedOverlay(image, { values, geometry }, crop)
  const small = resize(image, scaled(image, factor), 'lanczos')
  return overlay(small, { values, geometry: scaleGeometry(geometry, factor) }, crop && scaleBox(crop, factor))
}

const longerSide = ({ width, height }: Size): number => Math.max(width, height)

const scaled = ({ width, height }: Size, factor: number): Size => ({
  width: Math.max(1, Math.round(width * factor)),
  height: Math.max(1, Math.round(height * factor)),
})
