import { scaleBox, scaleGeometry } from './geometry.ts'
import { type Box, cropImage, type Image } from './image.ts'
import { enlargedOverlay, type HeatMap, overlay } from './overlay.ts'
import { resize } from './resize.ts'

// Pictures for other models, of sizes that they see well.

/** The longer side of a crop has at least so many pixels: models that cut pictures into tiles give a small one few tokens. */
const leastCropSide = 768

/** The longer side of a map over its picture has at most so many pixels: it is there to be seen as a whole. */
const largestMapSide = 1536

/** The part of a picture in `box`, a whole number of times as large where it is small. */
export function showCrop(image: Image, box: Box): Image {
  const crop = cropImage(image, box)
  const factor = Math.max(1, Math.ceil(leastCropSide / longerSide(crop)))
  return resize(crop, { width: crop.width * factor, height: crop.height * factor }, 'lanczos')
}

/** A map over its picture, with the crop drawn; a large picture is made smaller. */
export function showMap(image: Image, { values, geometry }: HeatMap, crop: Box | null): Image {
  const factor = largestMapSide / longerSide(image)
  if (factor >= 1) return enlargedOverlay(image, { values, geometry }, crop)
  const scaled = (side: number): number => Math.max(1, Math.round(side * factor))
  const small = resize(image, { width: scaled(image.width), height: scaled(image.height) }, 'lanczos')
  return overlay(small, { values, geometry: scaleGeometry(geometry, factor) }, crop && scaleBox(crop, factor))
}

const longerSide = ({ width, height }: Image): number => Math.max(width, height)
