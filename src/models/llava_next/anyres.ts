import type { Grid } from '../../image/geometry.ts'
import type { Size } from '../../image/image.ts'
import type { GridPinpoints } from './config.ts'

// How LLaVA-NeXT brings a picture of any size to a canvas that whole tiles fill, and which patches of it are tokens.

/** The canvas, of those there are, on which a picture keeps most of its pixels, with the least around it. */
export function selectBestResolution(picture: Size, pinpoints: GridPinpoints): Size {
  let best = { size: { width: 0, height: 0 }, effective: 0, wasted: Number.POSITIVE_INFINITY }
  for (const [height, width] of pinpoints) {
    const scale = Math.min(width / picture.width, height / picture.height)
    const scaled = Math.trunc(picture.width * scale) * Math.trunc(picture.height * scale)
    const effective = Math.min(scaled, picture.width * picture.height)
    const wasted = width * height - effective
    const isBetter = effective > best.effective || (effective === best.effective && wasted < best.wasted)
    if (isBetter) best = { size: { width, height }, effective, wasted }
  }
  return best.size
}

/** The size that a picture has on a canvas, its proportions kept. */
export function sizeOnCanvas(picture: Size, canvas: Size): Size {
  const [across, down] = [canvas.width / picture.width, canvas.height / picture.height]
  return across < down
    ? { width: canvas.width, height: Math.min(Math.ceil(picture.height * across), canvas.height) }
    : { width: Math.min(Math.ceil(picture.width * down), canvas.width), height: canvas.height }
}

/** Patches along an axis from `first` on. */
export interface Span {
  readonly first: number
  readonly count: number
}

/** Those patches of a canvas that are not taken away as padding. */
export function unpadded(picture: Size, patches: Grid): { rows: Span; columns: Span } {
  const isWider = picture.width / picture.height > patches.columns / patches.rows
  const rows = isWider
    ? within(picture.height * (patches.columns / picture.width), patches.rows)
    : all(patches.rows)
  const columns = isWider
    ? all(patches.columns)
    : within(picture.width * (patches.rows / picture.height), patches.columns)
  return { rows, columns }
}

const all = (count: number): Span => ({ first: 0, count })

/** As many are taken away before as behind. */
function within(length: number, count: number): Span {
  const padding = Math.floor((count - Math.trunc(rounded(length))) / 2)
  return { first: padding, count: count - 2 * padding }
}

/** To seven digits, as the reference does before it cuts to whole numbers. */
const rounded = (x: number): number => Math.round(x * 1e7) / 1e7
