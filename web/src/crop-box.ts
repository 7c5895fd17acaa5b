import type { Box, Size } from '../../src/web.ts'

/** Which part of a frame is dragged: all of it, or one of its corners. */
export type Handle = 'move' | 'nw' | 'ne' | 'sw' | 'se'

/** The shortest side of a crop, in source pixels. */
const leastPx = 8

/** A frame after one of its parts was dragged: whole pixels, inside the picture. */
export function dragged(box: Box, handle: Handle, dx: number, dy: number, within: Size): Box {
  if (handle === 'move') {
    const x = clamp(Math.round(box.x + dx), 0, within.width - box.width)
    const y = clamp(Math.round(box.y + dy), 0, within.height - box.height)
    return { ...box, x, y }
  }
  const [left, width] = side(box.x, box.width, dx, handle.endsWith('w'), within.width)
  const [top, height] = side(box.y, box.height, dy, handle.startsWith('n'), within.height)
  return { x: left, y: top, width, height }
}

/** One axis of a frame after its start or its end was moved. */
function side(
  from: number,
  length: number,
  by: number,
  isStart: boolean,
  most: number,
): [from: number, length: number] {
  const to = from + length
  const least = Math.min(leastPx, length)
  if (isStart) {
    const start = clamp(Math.round(from + by), 0, to - least)
    return [start, to - start]
  }
  return [from, clamp(Math.round(to + by), from + least, most) - from]
}

/** A square in the middle, for a picture without a crop. */
export function middle({ width, height }: Size): Box {
  const side = Math.max(1, Math.round(Math.min(width, height) / 3))
  return { x: Math.round((width - side) / 2), y: Math.round((height - side) / 2), width: side, height: side }
}

const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value))
