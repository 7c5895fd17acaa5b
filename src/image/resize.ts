import type { Box, Colour, Image, Size } from './image.ts'

// Pillow's `Image.resize` for 8-bit RGB, bit for bit: coefficients in fixed point, two passes that are both rounded to
// bytes, and the filter widened by the scale where a picture shrinks. Checkpoints were trained on its pixels. Beyond
// Pillow, only the part that is asked for is computed, and the picture may lie on a larger plain canvas. `Math.imul` and
// `| 0` keep the sums in 32-bit integers, as they are in Pillow; that is also a fifth faster.

/** The filters, in the order of Pillow's codes 0 to 5, which is how a checkpoint's `resample` names them. */
export const resamples = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'] as const
export type Resample = (typeof resamples)[number]

/** A picture with its left top corner at (x, y) of a plane of `size`; the rest of the plane has one colour. */
export interface Canvas {
  readonly image: Image
  readonly x: number
  readonly y: number
  readonly size: Size
  readonly colour: Colour
}

/** The picture alone, as its own canvas. */
export const canvasOf = (image: Image): Canvas => ({ image, x: 0, y: 0, size: image, colour: [0, 0, 0] })

/** Equal to Pillow's `image.resize((size.width, size.height), resample)`, as of Pillow 13; of the same size it is the same. */
export function resize(image: Image, size: Size, resample: Resample): Image {
  const { width, height } = size
  if (width === image.width && height === image.height) return image
  return resizeWindow(canvasOf(image), size, { x: 0, y: 0, width, height }, resample)
}

/**
 * The pixels in `window` of the canvas resized to `size`, without computing the others. The window is a box of whole
 * pixels of the resized plane; what of it lies outside that plane is black.
 */
export function resizeWindow(canvas: Canvas, size: Size, window: Box, resample: Resample): Image {
  if (!columnsFirst(canvas.size, size)) return rowsThenColumns(canvas, size, window, resample)
  return transpose(rowsThenColumns(transposeCanvas(canvas), swapSides(size), swapAxes(window), resample))
}

/**
 * Pillow's choice since version 13; before, rows always came first. The order shows in the last bits, as the pixels
 * between the passes are rounded. Few pictures need the second order, so it goes through the first, transposed.
 */
const columnsFirst = (from: Size, to: Size): boolean =>
  from.height > to.height && from.height - to.height > 2 * (from.width - to.width)

function rowsThenColumns(canvas: Canvas, size: Size, window: Box, resample: Resample): Image {
  const { image } = canvas
  const columns = tapsOf(
    { canvas: canvas.size.width, picture: image.width, start: canvas.x, resized: size.width },
    window.x,
    window.width,
    resample,
  )
  const rows = tapsOf(
    { canvas: canvas.size.height, picture: image.height, start: canvas.y, resized: size.height },
    window.y,
    window.height,
    resample,
  )
  const [top, bottom] = spanOf(rows)
  const strip = resampleRows(canvas, columns, top, bottom)
  const background = resampleBackground(canvas.colour, columns)
  const data = resampleColumns(strip, background, rows, top)
  return { width: window.width, height: window.height, data }
}

const swapSides = ({ width, height }: Size): Size => ({ width: height, height: width })
const swapAxes = (box: Box): Box => ({ x: box.y, y: box.x, ...swapSides(box) })

const transposeCanvas = (canvas: Canvas): Canvas => ({
  image: transpose(canvas.image),
  x: canvas.y,
  y: canvas.x,
  size: swapSides(canvas.size),
  colour: canvas.colour,
})

function transpose({ width, height, data }: Image): Image {
  const turned = new Uint8Array(data.length)
  let to = 0
  for (let x = 0; x < width; x++) {
    for (let from = x * 3; from < data.length; from += width * 3) {
      turned[to++] = data[from]!
      turned[to++] = data[from + 1]!
      turned[to++] = data[from + 2]!
    }
  }
  return { width: height, height: width, data: turned }
}

// ---------------------------------------------------------------- coefficients

/** One axis: the canvas and the picture on it (from `start`), in source pixels; `resized`: the length it becomes. */
interface Axis {
  readonly canvas: number
  readonly picture: number
  readonly start: number
  readonly resized: number
}

/** What one output pixel takes from an axis: weights of the picture's pixels from `first` on, and of the background. */
interface Taps {
  readonly first: number
  readonly weights: Int32Array
  readonly background: number
}

/** Pillow's fixed point: 32 bits less 8 of the pixel and 2 for the overshoot of the filters with negative lobes. */
const fractionBits = 22
const half = 1 << (fractionBits - 1)

interface Filter {
  /** Half its width, in pixels of the smaller of the two scales. */
  readonly support: number
  readonly weight: (distance: number) => number
}

const filters: Readonly<Record<Exclude<Resample, 'nearest'>, Filter>> = {
  box: { support: 0.5, weight: x => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: x => Math.max(0, 1 - Math.abs(x)) },
  hamming: { support: 1, weight: x => (Math.abs(x) < 1 ? sinc(x) * hammingWindow(x) : 0) },
  bicubic: { support: 2, weight: x => bicubic(Math.abs(x)) },
  lanczos: { support: 3, weight: x => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI))

/** Pillow writes these two constants in single precision. */
const hammingWindow = (x: number): number => Math.fround(0.54) + Math.fround(0.46) * Math.cos(x * Math.PI)

function bicubic(x: number): number {
  const a = -0.5
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
}

function tapsOf(axis: Axis, from: number, length: number, resample: Resample): Taps[] {
  const at = resample === 'nearest' ? nearestTaps(axis) : filterTaps(axis, filters[resample])
  return Array.from({ length }, (_, i) => {
    const index = from + i
    return index >= 0 && index < axis.resized ? at(index) : noTaps
  })
}

/** Outside the resized plane nothing is added up, and the pixel stays black. */
const noTaps: Taps = { first: 0, weights: new Int32Array(0), background: 0 }

/** The first of the picture's pixels in use, and the one behind the last. */
function spanOf(taps: readonly Taps[]): [first: number, end: number] {
  const used = taps.filter(({ weights }) => weights.length > 0)
  if (used.length === 0) return [0, 0]
  return [
    Math.min(...used.map(({ first }) => first)),
    Math.max(...used.map(({ first, weights }) => first + weights.length)),
  ]
}

/** To be asked with ascending indices. */
function nearestTaps(axis: Axis): (index: number) => Taps {
  const scale = axis.canvas / axis.resized
  const one = Int32Array.of(1 << fractionBits)
  // Pillow adds the scale up step by step: with its rounding errors, a position between two pixels falls as there.
  let [at, position] = [0, scale / 2]
  return index => {
    for (; at < index; at++) position += scale
    return onPicture(axis, Math.trunc(position), one)
  }
}

function filterTaps(axis: Axis, filter: Filter): (index: number) => Taps {
  const scale = axis.canvas / axis.resized
  const stretch = Math.max(scale, 1)
  const support = filter.support * stretch
  return index => {
    const center = (index + 0.5) * scale
    const first = Math.max(0, Math.trunc(center - support + 0.5))
    const end = Math.min(axis.canvas, Math.trunc(center + support + 0.5))
    const weights = new Float64Array(end - first)
    for (let i = 0; i < weights.length; i++) {
      weights[i] = filter.weight((i + first - center + 0.5) * (1 / stretch))
    }
    return onPicture(axis, first, toFixedPoint(weights))
  }
}

function toFixedPoint(weights: Float64Array): Int32Array {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return Int32Array.from(weights, weight => {
    const scaled = (sum === 0 ? weight : weight * (1 / sum)) * (1 << fractionBits)
    return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5)
  })
}

/** Weights of canvas pixels from `first` on, parted into those of the picture and the rest, which share a colour. */
function onPicture({ start, picture }: Axis, first: number, weights: Int32Array): Taps {
  const from = clamp(start - first, 0, weights.length)
  const to = clamp(start + picture - first, from, weights.length)
  const inside = weights.subarray(from, to)
  return {
    first: clamp(first + from - start, 0, picture),
    weights: inside,
    background: total(weights) - total(inside),
  }
}

const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high)
const total = (weights: Int32Array): number => weights.reduce((sum, weight) => sum + weight, 0)

// ---------------------------------------------------------------- the two passes

/** Rows `top` to `bottom` of the picture, each resampled to the columns asked for: [bottom - top, columns, 3]. */
function resampleRows(
  canvas: Canvas,
  columns: readonly Taps[],
  top: number,
  bottom: number,
): Uint8ClampedArray {
  const { data, width } = canvas.image
  const [red, green, blue] = canvas.colour
  const strip = new Uint8ClampedArray((bottom - top) * columns.length * 3)
  let to = 0
  for (let row = top; row < bottom; row++) {
    for (const { first, weights, background } of columns) {
      let r = half + background * red
      let g = half + background * green
      let b = half + background * blue
      let from = (row * width + first) * 3
      for (let i = 0; i < weights.length; i++, from += 3) {
        const weight = weights[i]!
        r = (r + Math.imul(weight, data[from]!)) | 0
        g = (g + Math.imul(weight, data[from + 1]!)) | 0
        b = (b + Math.imul(weight, data[from + 2]!)) | 0
      }
      strip[to++] = r >> fractionBits
      strip[to++] = g >> fractionBits
      strip[to++] = b >> fractionBits
    }
  }
  return strip
}

/** A row without any of the picture, resampled as the rows above: [columns, 3]. */
function resampleBackground(colour: Colour, columns: readonly Taps[]): Uint8ClampedArray {
  const row = columns.flatMap(({ weights, background }) =>
    colour.map(value => (half + (total(weights) + background) * value) >> fractionBits),
  )
  return Uint8ClampedArray.from(row)
}

/** The strip's columns, resampled to the rows asked for: [rows, columns, 3]. */
function resampleColumns(
  strip: Uint8ClampedArray,
  backgroundRow: Uint8ClampedArray,
  rows: readonly Taps[],
  top: number,
): Uint8Array {
  const width = backgroundRow.length
  const data = new Uint8ClampedArray(rows.length * width)
  const sums = new Int32Array(width)
  rows.forEach(({ first, weights, background }, row) => {
    for (let i = 0; i < width; i++) sums[i] = half + background * backgroundRow[i]!
    for (let tap = 0; tap < weights.length; tap++) {
      const weight = weights[tap]!
      const from = (first - top + tap) * width
      for (let i = 0; i < width; i++) sums[i]! += Math.imul(weight, strip[from + i]!)
    }
    for (let i = 0; i < width; i++) data[row * width + i] = sums[i]! >> fractionBits
  })
  return new Uint8Array(data.buffer)
}
