import { useSignalEffect } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { Image } from '../../src/web.ts'
import { CropFrame } from './crop-frame.tsx'
import { type Drawn, drawnOf, heated, paint } from './drawing.ts'
import { crop, map, opacity, picture, showPicture, work } from './questions.ts'

/** The picture with its heat map and the crop; before there is one, where to drop it. */
export function Stage() {
  const seen = picture.value
  if (seen === null)
    return (
      <section class="stage empty" aria-label="Picture">
        <PictureInput>
          <span class="big">Drop a picture here</span>
          <span>or paste one, or choose a file</span>
        </PictureInput>
      </section>
    )
  const { width, height } = seen.image
  return (
    <section class="stage" aria-label="Picture" tabIndex={-1}>
      <Board key={seen.file} image={seen.image} name={seen.name} />
      <div class="caption">
        <span>
          {seen.name} · {width} × {height}
        </span>
        <PictureInput>Another picture</PictureInput>
      </div>
    </section>
  )
}

function PictureInput({ children }: { readonly children: preact.ComponentChildren }) {
  return (
    <label class="picture-input">
      <input
        type="file"
        accept="image/*"
        class="unseen"
        onChange={event => {
          const file = event.currentTarget.files?.[0]
          if (file !== undefined) void showPicture(file, file.name)
          event.currentTarget.value = ''
        }}
      />
      {children}
    </label>
  )
}

function Board({ image, name }: { readonly image: Image; readonly name: string }) {
  const drawn = useMemo(() => drawnOf(image), [image])
  const board = useRef<HTMLDivElement>(null)
  // Whoever chose it further down goes on from here.
  useEffect(() => {
    const stage = board.current?.closest<HTMLElement>('.stage')
    stage?.focus({ preventScroll: true })
    stage?.scrollIntoView({ block: 'nearest' })
  }, [])
  const { width, height } = image
  return (
    <div
      ref={board}
      class={work.value === null ? 'board' : 'board working'}
      style={{ '--ratio': `${width / height}` }}
    >
      <Painted drawn={drawn} name={name} />
      {crop.value !== null && <CropFrame box={crop.value} within={image} />}
    </div>
  )
}

function Painted({ drawn, name }: { readonly drawn: Drawn; readonly name: string }) {
  const below = useRef<HTMLCanvasElement>(null)
  const above = useRef<HTMLCanvasElement>(null)
  useSignalEffect(() => {
    if (below.current !== null) paint(below.current, drawn.image)
  })
  useSignalEffect(() => {
    if (above.current !== null && map.value !== null) paint(above.current, heated(drawn, map.value, null))
  })
  return (
    <>
      <canvas ref={below} role="img" aria-label={`${name}, with a heat map of where the model looks`} />
      <canvas ref={above} class="heat" style={{ opacity: map.value === null ? 0 : opacity.value }} />
    </>
  )
}
