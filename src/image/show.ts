import { type Box, cropImage, type Image } from './image.ts'
import { resize } from './resize.ts'

/** The longer side of a crop that is shown: models that cut pictures into tiles give a small one few tokens. In pixels. */
const leastCropSide = 768

/** The part of a picture in `box`, a whole number of times as large where it is small, for people and other models. */
export function showCrop(image: Image, box: Box): Image {
  const crop = cropImage(image, box)
  const factor = Math.max(1, Math.ceil(leastCropSide / Math.max(crop.width, crop.height)))
  return resize(crop, { width: crop.width * factor, height: crop.height * factor }, 'lanczos')
}
