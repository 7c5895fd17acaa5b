import type { Box, Colour, Image, Size } from './image.ts'
import { type Canvas, canvasOf, type Resample, resizeWindow } from './resize.ts'

/**
 * How a picture that is not square meets a square input: `crop` keeps proportions and loses the ends of the longer
 * side, `pad` keeps proportions and the whole picture, `stretch` keeps the whole picture alone.
 */
export const fits = ['crop', 'pad', 'stretch'] as const
export type Fit = (typeof fits)[number]

/** What is done to a picture before a vision encoder: pad, resize, take the centre, normalise; in this order. */
export interface PreprocessSpec {
  /** Pad to a square of this colour, the picture in the middle; null: leave the picture as it is. */
  readonly padding: Colour | null
  /** Resize to exactly this size, or the shorter side to this length with proportions kept; null: leave the size. */
  readonly size: Size | { readonly shortestEdge: number } | null
  /** The model's input: the centre of the resized picture, with black around it where that is smaller. */
  readonly input: Size
  readonly resample: Resample
  /** Multiplies the bytes, usually 1 / 255. Then, per channel, (value - mean) / std. */
  readonly rescaleFactor: number
  readonly mean: readonly [number, number, number]
  readonly std: readonly [number, number, number]
}

export interface Preprocessed {
  /** [3, input.height, input.width], channels red, green, blue. */
  readonly pixelValues: Float32Array
  /** The input before its pixels are scaled and normalised. */
  readonly input: Image
  /** The rectangle of the source plane that fills the input, in source pixels: see `Geometry`. */
  readonly view: Box
}

/**
 * Equal to the Pillow variants of `CLIPImageProcessor` and `LlavaImageProcessor` of Hugging Face transformers 5, down
 * to the last bit of every float. Pixels that the centre crop throws away are not computed, and padding takes no memory.
 */
export function preprocess(image: Image, spec: PreprocessSpec): Preprocessed {
  const canvas = spec.padding === null ? canvasOf(image) : squareCanvas(image, spec.padding)
  const resized = resizedSize(canvas.size, spec.size)
  const window = centreOf(resized, spec.input)
  const pixels = resizeWindow(canvas, resized, window, spec.resample)
  return {
    pixelValues: normalise(pixels, spec),
    input: pixels,
    view: toSource(window, canvas, resized),
  }
}

function squareCanvas(image: Image, colour: Colour): Canvas {
  const side = Math.max(image.width, image.height)
  const x = Math.floor((side - image.width) / 2)
  const y = Math.floor((side - image.height) / 2)
  return { image, x, y, size: { width: side, height: side }, colour }
}

/** `get_resize_output_image_size` of transformers: the longer side is cut to a whole number, not rounded. */
function resizedSize({ width, height }: Size, size: PreprocessSpec['size']): Size {
  if (size === null) return { width, height }
  if (!('shortestEdge' in size)) return size
  const short = size.shortestEdge
  const long = Math.trunc((short * Math.max(width, height)) / Math.min(width, height))
  return width <= height ? { width: short, height: long } : { width: long, height: short }
}

/** `center_crop` of transformers; where the input is larger than the plane, the odd pixel goes before it. */
const centreOf = (plane: Size, input: Size): Box => ({
  x: Math.floor((plane.width - input.width) / 2),
  y: Math.floor((plane.height - input.height) / 2),
  width: input.width,
  height: input.height,
})

function toSource(window: Box, canvas: Canvas, resized: Size): Box {
  // Multiplied first: a window as long as the plane is then exactly as long as the picture.
  const across = (length: number): number => (length * canvas.size.width) / resized.width
  const down = (length: number): number => (length * canvas.size.height) / resized.height
  return {
    x: across(window.x) - canvas.x,
    y: down(window.y) - canvas.y,
    width: across(window.width),
    height: down(window.height),
  }
}

/** How bytes become numbers. */
export type ValueSpec = Pick<PreprocessSpec, 'rescaleFactor' | 'mean' | 'std'>

/** Pictures of one size, as the encoder takes them: [pictures,3,height,width]. */
export function normaliseAll(images: readonly Image[], spec: ValueSpec): Float32Array {
  const size = images[0]?.data.length ?? 0
  const values = new Float32Array(images.length * size)
  for (const [i, image] of images.entries()) normalise(image, spec, values.subarray(i * size, (i + 1) * size))
  return values
}

function normalise(
  { width, height, data }: Image,
  spec: ValueSpec,
  values: Float32Array = new Float32Array(data.length),
): Float32Array {
  const pixels = width * height
  for (let channel = 0; channel < 3; channel++) {
    const table = normalisedBytes(spec, channel)
    for (let i = 0; i < pixels; i++) values[channel * pixels + i] = table[data[3 * i + channel]!]!
  }
  return values
}

/** What each byte becomes, rounded to float32 after each step as NumPy does. */
function normalisedBytes(spec: ValueSpec, channel: number): Float32Array {
  const mean = Math.fround(spec.mean[channel]!)
  const std = Math.fround(spec.std[channel]!)
  return Float32Array.from({ length: 256 }, (_, byte) => {
    const rescaled = Math.fround(byte * spec.rescaleFactor)
    return Math.fround(rescaled - mean) / std
  })
}
