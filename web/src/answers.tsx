import { useEffect, useRef } from 'preact/hooks'
import type { Box, Image } from '../../src/web.ts'
import { middle } from './crop-box.ts'
import { cropOf, paint } from './drawing.ts'
import { crop, forgetTried, frame, picture, shown, tryCrop, work } from './questions.ts'

/** The answer from the whole picture beside those with a crop. */
export function Answers() {
  const seen = picture.value
  const { found, tried } = shown.value ?? {}
  const doing = work.value
  if (seen === null || (found === undefined && doing === null)) return null
  const isNew = doing !== null && doing.question !== shown.value?.question
  const current = isNew ? undefined : found
  const isTrying = !isNew && (frame.value !== null || tried !== null) && tried !== undefined
  return (
    <section class="answers" aria-labelledby="answers" aria-busy={doing !== null}>
      <h2>
        <span id="answers">Answers</span>
        <small>{doing?.stage}</small>
      </h2>
      <div class="cards">
        <Card
          title="The whole picture"
          answer={doing?.plainText || current?.plainAnswer || null}
          image={seen.image}
        />
        {current?.crop === null ? (
          <div class="card plain">
            <h3>No crop</h3>
            <p>{reasons[current.cropReason ?? 'no signal']}</p>
            <button type="button" onClick={() => void tryCrop(middle(seen.image))}>
              Crop by hand
            </button>
          </div>
        ) : (
          <Card
            title="With the crop"
            answer={current?.answer ?? null}
            image={current ? seen.image : null}
            box={current?.crop ?? null}
            isBest={current !== undefined && current.answer !== current.plainAnswer}
          />
        )}
        {isTrying && (
          <Card
            title="With your crop"
            isWide
            answer={frame.value === null ? (tried?.answer ?? null) : null}
            image={seen.image}
            box={crop.value}
            action={
              <button type="button" class="quiet" onClick={forgetTried}>
                Remove
              </button>
            }
          />
        )}
      </div>
    </section>
  )
}

const reasons = {
  'no signal': 'The map prefers no place.',
  'nothing to crop': 'The picture is no larger than the smallest crop.',
  'method none': 'This method looks for none.',
}

interface CardProps {
  readonly title: string
  /** null: not there yet. */
  readonly answer: string | null
  readonly image: Image | null
  /** The part of it that is shown; all of it if left out. */
  readonly box?: Box | null
  readonly isBest?: boolean
  readonly isWide?: boolean
  readonly action?: preact.ComponentChild
}

function Card({ title, answer, image, box, isBest = false, isWide = false, action }: CardProps) {
  return (
    <article class={`card${isBest ? ' best' : ''}${isWide ? ' wide' : ''}`}>
      <Thumbnail image={image} box={box ?? null} />
      <div>
        <h3>{title}</h3>
        {answer === null ? <p class="answer waiting">…</p> : <p class="answer">{answer}</p>}
        {box && (
          <p class="place">
            {box.width} × {box.height} at {box.x}, {box.y}
          </p>
        )}
      </div>
      {action}
    </article>
  )
}

function Thumbnail({ image, box }: { readonly image: Image | null; readonly box: Box | null }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    if (canvas.current !== null && image !== null) paint(canvas.current, box ? cropOf(image, box) : image)
  }, [image, box])
  return <canvas ref={canvas} class="thumbnail" width="1" height="1" />
}
