import type { Box, Size } from '../../image/image.ts'
import type { Expected } from '../question.ts'
import type { Outcome } from './gallery.ts'

/** Questions to look at. */
export interface Gallery {
  readonly cards: readonly Card[]
  /** How many more were chosen than fit on a page. */
  readonly leftOut: number
}

/** A question of the gallery, with pictures that a page can hold. */
export interface Card {
  readonly outcome: Outcome
  readonly model: string
  readonly benchmark: string
  /** As tables call it. */
  readonly way: string
  readonly id: string
  readonly question: string
  readonly expected: Expected
  readonly plain: Said
  readonly cropped: Said
  readonly image: Size
  readonly crop: Box | null
  readonly boxes: readonly Box[]
  /** The picture with the map over it, as a data URL. */
  readonly picture: string
  /** What was cropped, enlarged; null where the picture was not there. */
  readonly close: string | null
}

export interface Said {
  readonly answer: string
  readonly score: number | null
}
