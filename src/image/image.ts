/** A picture as every stage here takes it: red, green, blue, one byte each, row by row, without padding. */
export interface Image {
  readonly width: number
  readonly height: number
  /** [height, width, 3], values 0 to 255. */
  readonly data: Uint8Array
}

/** A rectangle in source pixels. Its left top corner is (x, y); pixel (0, 0) covers the square from (0, 0) to (1, 1). */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface Size {
  readonly width: number
  readonly height: number
}

/** Red, green, blue, whole numbers from 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number]

/** A copy of the pixels in `box`. Throws unless the box is of whole pixels, not empty, and inside the picture. */
export function cropImage(image: Image, box: Box): Image {
  if (!isInside(box, image)) {
    const { x, y, width, height } = box
    throw new RangeError(
      `crop ${width}x${height} at ${x},${y} is not a box of whole pixels inside the ${image.width}x${image.height} picture: clip and round it first`,
    )
  }
  const data = new Uint8Array(box.width * box.height * 3)
  for (let row = 0; row < box.height; row++) {
    const from = ((box.y + row) * image.width + box.x) * 3
    data.set(image.data.subarray(from, from + box.width * 3), row * box.width * 3)
  }
  return { width: box.width, height: box.height, data }
}

function isInside({ x, y, width, height }: Box, size: Size): boolean {
  const whole = [x, y, width, height].every(Number.isInteger)
  return (
    whole &&
    x >= 0 &&
    y >= 0 &&
    width > 0 &&
    height > 0 &&
    x + width <= size.width &&
    y + height <= size.height
  )
}
