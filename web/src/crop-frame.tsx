import { useRef } from 'preact/hooks'
import type { Box, Size } from '../../src/web.ts'
import { dragged, type Handle } from './crop-box.ts'
import { forgetTried, frame, shown, tryCrop } from './questions.ts'

const corners = ['nw', 'ne', 'sw', 'se'] as const

/** How long a frame that is moved by keys must rest before its crop is tried. */
const restMs = 600
let resting: ReturnType<typeof setTimeout> | undefined

interface FrameProps {
  readonly box: Box
  readonly within: Size
}

/** The crop over the picture: dragged by its inside or a corner, or moved with the arrow keys. */
export function CropFrame({ box, within }: FrameProps) {
  const start = useRef<{ handle: Handle; x: number; y: number; box: Box } | null>(null)
  const grab = (event: PointerEvent): void => {
    const element = event.currentTarget as HTMLElement
    const handle = ((event.target as HTMLElement).dataset.handle ?? 'move') as Handle
    element.setPointerCapture(event.pointerId)
    start.current = { handle, x: event.clientX, y: event.clientY, box }
  }
  const drag = (event: PointerEvent): void => {
    if (start.current === null) return
    const { handle, x, y, box: from } = start.current
    const scale = within.width / (event.currentTarget as HTMLElement).parentElement!.clientWidth
    const moved = dragged(from, handle, (event.clientX - x) * scale, (event.clientY - y) * scale, within)
    frame.value = moved
  }
  const drop = (): void => {
    const from = start.current?.box
    start.current = null
    if (frame.value === null) return
    if (isSame(frame.value, from)) frame.value = null
    else void tryCrop(frame.value)
  }
  const percent = (part: number, of: number): string => `${(100 * part) / of}%`
  return (
    <div
      class={shown.value?.tried || frame.value ? 'frame own' : 'frame'}
      role="application"
      aria-roledescription="crop frame"
      aria-label={`Crop, ${box.width} by ${box.height} pixels at ${box.x}, ${box.y}. Arrow keys move it, with Shift they resize it, Escape brings it back.`}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it takes keys, and no element of HTML is a frame that can be moved.
      tabIndex={0}
      style={{
        left: percent(box.x, within.width),
        top: percent(box.y, within.height),
        width: percent(box.width, within.width),
        height: percent(box.height, within.height),
      }}
      onPointerDown={grab}
      onPointerMove={drag}
      onPointerUp={drop}
      onPointerCancel={drop}
      onKeyDown={event => pressed(event, box, within)}
    >
      {corners.map(corner => (
        <span key={corner} class={`corner ${corner}`} data-handle={corner} />
      ))}
    </div>
  )
}

const directions: Readonly<Record<string, readonly [dx: number, dy: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

function pressed(event: KeyboardEvent, box: Box, within: Size): void {
  if (event.key === 'Escape') {
    clearTimeout(resting)
    forgetTried()
  }
  const direction = directions[event.key]
  if (direction === undefined) return
  event.preventDefault()
  const step = Math.max(1, Math.round(Math.max(within.width, within.height) / 100))
  const [dx, dy] = direction
  const moved = dragged(box, event.shiftKey ? 'se' : 'move', dx * step, dy * step, within)
  frame.value = moved
  clearTimeout(resting)
  resting = setTimeout(() => void tryCrop(moved), restMs)
}

const isSame = (a: Box, b: Box | undefined): boolean =>
  a.x === b?.x && a.y === b.y && a.width === b.width && a.height === b.height
