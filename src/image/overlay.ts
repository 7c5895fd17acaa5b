import { interpolateInferno } from 'd3-scale-chromatic'
import { type Geometry, pictureShare, pointToGrid, scaleBox, scaleGeometry } from './geometry.ts'
import type { Box, Colour, Image } from './image.ts'
import { resize } from './resize.ts'

/** A value per cell of a geometry's grid: [rows, columns], row by row. */
export interface HeatMap {
  readonly values: ArrayLike<number>
  readonly geometry: Geometry
}

/**
 * A picture of where a model looks and what was cropped: the map as a smooth glow, from violet to yellow and the more
 * opaque the higher; the picture below it a little muted, and dark where the model saw nothing; the crop as a frame.
 *
 * The glow starts at the median of the cells that show the picture and is full at their maximum, so that the lower half
 * of the map covers nothing. A map without a highest cell, or with values that are not finite, has no glow.
 */
export function overlay(image: Image, map: HeatMap, crop: Box | null): Image {
  const drawn = { ...image, data: new Uint8Array(image.data) }
  addGlow(drawn, map)
  if (crop !== null) addFrame(drawn, crop)
  return drawn
}

/** The longer side of an enlarged overlay is at least this many pixels, so that small pictures fill a slide too. */
const leastSidePx = 960

/** The same on the picture enlarged a whole number of times, where it is small. */
export function enlargedOverlay(image: Image, { values, geometry }: HeatMap, crop: Box | null): Image {
  const factor = Math.max(1, Math.ceil(leastSidePx / Math.max(image.width, image.height)))
  const large = resize(image, { width: image.width * factor, height: image.height * factor }, 'lanczos')
  const map = { values, geometry: scaleGeometry(geometry, factor) }
  return overlay(large, map, crop && scaleBox(crop, factor))
}

// ---------------------------------------------------------------- the glow

const levels = 256

/** The style behind the last level: what the model did not see. */
const unseen = levels

/** Per level, ink (red, green, blue), b, c: a pixel becomes ink + b * its grey + c * itself. [levels + 1, 5]. */
const styles: Float32Array = Float32Array.from([
  ...Array.from({ length: levels }, (_, level) => glow(level / (levels - 1))).flat(),
  ...fade([0, 0, 0], 0.35, 0.3),
])

/** The picture steps back a little, so that the glow is seen on any colour. Its opacity rises faster than the heat. */
function glow(heat: number): number[] {
  const opacity = 0.75 * heat ** 0.6
  const ink = colourOf(heat ** 0.8).map(value => value * opacity)
  return fade(ink, 0.9 * (1 - opacity), 0.45)
}

/** `colour`: the share of the pixel's colour that is kept, 0 for grey. */
function fade(ink: readonly number[], brightness: number, colour: number): number[] {
  return [...ink, brightness * (1 - colour), brightness * colour]
}

/** Inferno without its ends: a black like a shadow and a white like a light. */
function colourOf(heat: number): number[] {
  const hex = interpolateInferno(0.3 + 0.65 * heat)
  return [1, 3, 5].map(digits => Number.parseInt(hex.slice(digits, digits + 2), 16))
}

function addGlow({ width, height, data }: Image, map: HeatMap): void {
  const { geometry } = map
  const { rows, columns } = geometry.grid
  const heat = normalised(map)
  const across = placesOf(width, columns, x => pointToGrid(geometry, x, 0).column)
  const down = placesOf(height, rows, y => pointToGrid(geometry, 0, y).row)
  for (let y = 0, at = 0; y < height; y++) {
    const line = blendRows(heat, columns, down[y]!)
    const seen = down[y]!.seen
    for (let x = 0; x < width; x++, at += 3) {
      const place = across[x]!
      const level =
        seen && place.seen ? levelOf(blend(line[place.from]!, line[place.to]!, place.share)) : unseen
      paint(data, at, level)
    }
  }
}

const levelOf = (heat: number): number => Math.round(heat * (levels - 1))

function paint(data: Uint8Array, at: number, level: number): void {
  const [red, green, blue] = [data[at]!, data[at + 1]!, data[at + 2]!]
  const style = level * 5
  const grey = (0.3 * red + 0.59 * green + 0.11 * blue) * styles[style + 3]!
  const colour = styles[style + 4]!
  data[at] = styles[style]! + grey + colour * red
  data[at + 1] = styles[style + 1]! + grey + colour * green
  data[at + 2] = styles[style + 2]! + grey + colour * blue
}

/** Between which two cells a pixel lies on one axis, and how far from the first to the second, 0 to 1. */
interface Place {
  readonly from: number
  readonly to: number
  readonly share: number
  /** Whether the model sees that pixel. */
  readonly seen: boolean
}

function placesOf(pixels: number, cells: number, toGrid: (pixel: number) => number): Place[] {
  return Array.from({ length: pixels }, (_, pixel) => {
    const position = toGrid(pixel + 0.5)
    const fromCentre = Math.min(Math.max(position - 0.5, 0), cells - 1)
    const from = Math.floor(fromCentre)
    const seen = position >= 0 && position < cells
    return { from, to: Math.min(from + 1, cells - 1), share: eased(fromCentre - from), seen }
  })
}

/** Flat at both ends, so that cells join without the edges of a plain straight line. */
const eased = (share: number): number => share * share * (3 - 2 * share)

const blend = (a: number, b: number, share: number): number => a + share * (b - a)

const blendRows = (heat: Float32Array, columns: number, { from, to, share }: Place): Float32Array =>
  Float32Array.from({ length: columns }, (_, column) =>
    blend(heat[from * columns + column]!, heat[to * columns + column]!, share),
  )

/** The map from 0 at its median to 1 at its maximum, both of the cells that show the picture. */
function normalised({ values, geometry }: HeatMap): Float32Array {
  const shares = pictureShare(geometry)
  const shown = Float32Array.from(values)
    .filter((_, cell) => shares[cell]! > 0)
    .sort()
  const low = shown[shown.length >> 1] ?? 0
  const range = (shown.at(-1) ?? 0) - low
  const hasPeak = range > 0 && Number.isFinite(range)
  return Float32Array.from(values, value => (hasPeak ? Math.min(Math.max((value - low) / range, 0), 1) : 0))
}

// ---------------------------------------------------------------- the frame

const white: Colour = [255, 255, 255]
const black: Colour = [0, 0, 0]

/** White inside black, so that it stands out from every picture; it lies inside the crop's edge. */
function addFrame(image: Image, crop: Box): void {
  const thickness = Math.max(1, Math.round(Math.max(image.width, image.height) / 500))
  addOutline(image, crop, thickness, black)
  addOutline(image, shrink(crop, thickness), 2 * thickness, white)
  addOutline(image, shrink(crop, 3 * thickness), thickness, black)
}

const shrink = ({ x, y, width, height }: Box, by: number): Box => ({
  x: x + by,
  y: y + by,
  width: width - 2 * by,
  height: height - 2 * by,
})

function addOutline(image: Image, { x, y, width, height }: Box, thickness: number, colour: Colour): void {
  fill(image, { x, y, width, height: thickness }, colour)
  fill(image, { x, y: y + height - thickness, width, height: thickness }, colour)
  fill(image, { x, y, width: thickness, height }, colour)
  fill(image, { x: x + width - thickness, y, width: thickness, height }, colour)
}

function fill(image: Image, { x, y, width, height }: Box, colour: Colour): void {
  const [left, right] = [Math.max(0, Math.round(x)), Math.min(image.width, Math.round(x + width))]
  const [top, bottom] = [Math.max(0, Math.round(y)), Math.min(image.height, Math.round(y + height))]
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) image.data.set(colour, (row * image.width + column) * 3)
  }
}
