import { scaleBox, scaleGeometry } from '../../src/image/geometry.ts'
import { cropImage } from '../../src/image/image.ts'
import { overlay } from '../../src/image/overlay.ts'
import { resize } from '../../src/image/resize.ts'
import type { Box, Image, ImportanceMap } from '../../src/web.ts'

/** The longer side of what is drawn: small pictures are enlarged, large ones made smaller. */
const leastPx = 960
const mostPx = 1600

/** A picture of the size in which it is drawn. */
export interface Drawn {
  readonly image: Image
  /** Its pixels to the picture's. */
  readonly scale: number
}

export function drawnOf(image: Image): Drawn {
  const longer = Math.max(image.width, image.height)
  const scale = longer > mostPx ? mostPx / longer : Math.max(1, Math.ceil(leastPx / longer))
  const size = {
    width: Math.max(1, Math.round(image.width * scale)),
    height: Math.max(1, Math.round(image.height * scale)),
  }
  return { image: scale === 1 ? image : resize(image, size, 'lanczos'), scale }
}

/** The map over the picture, as the command line draws it. */
export const heated = ({ image, scale }: Drawn, map: ImportanceMap, crop: Box | null): Image =>
  overlay(
    image,
    { values: map.values, geometry: scaleGeometry(map.geometry, scale) },
    crop && scaleBox(crop, scale),
  )

export function paint(canvas: HTMLCanvasElement, { width, height, data }: Image): void {
  canvas.width = width
  canvas.height = height
  const pixels = new ImageData(width, height)
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    pixels.data[to] = data[from] as number
    pixels.data[to + 1] = data[from + 1] as number
    pixels.data[to + 2] = data[from + 2] as number
    pixels.data[to + 3] = 255
  }
  canvas.getContext('2d')?.putImageData(pixels, 0, 0)
}

export const cropOf = (image: Image, box: Box): Image => cropImage(image, box)

/** Saves a picture as a PNG file. */
export async function download(image: Image, name: string): Promise<void> {
  const canvas = document.createElement('canvas')
  paint(canvas, image)
  const blob = await new Promise<Blob | null>(resolve => canvas.toBlob(resolve))
  if (blob === null) throw new Error(`${name}: the browser cannot make a file of it`)
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  URL.revokeObjectURL(link.href)
}
