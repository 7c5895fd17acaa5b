import type { Size } from './image.ts'

/** Far above any photograph, and little enough to hold in memory beside its pixels. */
const maxFileBytes = 256 * 2 ** 20

/** Pillow's own bound against decompression bombs, and with it the reference's: 537 MB as RGB. */
const maxPixels = 178_956_970

/** JPEG's bound. With it, the strips of a resize stay small however long and thin a picture is. */
const maxSidePx = 65_535

/** @throws for a file of a picture that is too large to be read */
export function checkFileSize(bytes: number, name: string): void {
  if (bytes <= maxFileBytes) return
  const [found, limit] = [megabytes(bytes), megabytes(maxFileBytes)]
  throw new Error(`${name}: ${found} MB, at most ${limit} MB are read: save it smaller`)
}

const megabytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20)

/** @throws for a picture of too many pixels */
export function checkSize({ width, height }: Size, name: string): void {
  if (width * height <= maxPixels && Math.max(width, height) <= maxSidePx) return
  throw new Error(
    `${name}: ${width}x${height} pixels, at most ${maxPixels} in all and ${maxSidePx} a side are decoded: scale it down or cut it`,
  )
}
