import type { Answer, AskOptions, Image, ImportanceMap, Method } from '../../src/web.ts'

/** A picture as the page has it: its file, and its pixels as a model sees them. */
export interface Picture {
  readonly name: string
  readonly file: Blob
  readonly image: Image
}

/** A method whose maps are those of layers. */
export type LayerMethod = 'rel-att' | 'grad-att'

/** How a question is asked. */
export type How = Pick<AskOptions, 'crop' | 'plain'> & {
  readonly method: Method
  /** Those that the slider chose. */
  readonly layers?: readonly number[]
}

export interface Hooks {
  readonly signal: AbortSignal
  /** A few words for what is being done. */
  readonly onStage?: (stage: string) => void
  /** The plain answer as far as it is known. */
  readonly onPlainText?: (text: string) => void
}

/** Something that answers questions about pictures: the library in a worker, or a server. */
export interface Engine {
  /** The model's name. */
  readonly model: string
  /** How many layers the language model has. */
  readonly layerCount: number
  /** Whether pictures leave the browser. */
  readonly sends: boolean
  ask(picture: Picture, question: string, how: How, hooks: Hooks): Promise<Answer<string | null>>
  /** A method's map of each layer, all from one probe. */
  layerMaps(
    picture: Picture,
    question: string,
    method: LayerMethod,
    signal: AbortSignal,
  ): Promise<readonly ImportanceMap[]>
  close(): void
}
