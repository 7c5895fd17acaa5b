import type { ImportanceMap } from '../../crop/select.ts'
import type { Box, Image, Size } from '../../image/image.ts'
import type { Method } from '../../importance/method.ts'
import type { LookOptions } from '../../options.ts'
import type { Picture } from '../../picture.ts'
import type { ViCrop } from '../../vicrop.ts'
import { meanAttentionRatio } from '../metrics/localisation.ts'
import type { Question } from '../question.ts'
import { centreCrop, humanCrop, randomCrop } from './crops.ts'
import type { Row, Way } from './row.ts'

/** What questions are asked with. */
export interface Asker {
  readonly vicrop: ViCrop
  /** Who answers in place of the model that looks; null: the model itself. */
  readonly answerer: Answerer | null
  readonly maxNewTokens: number
  /** Whether each layer's attention ratio is measured, of questions that have boxes. */
  readonly ratios: boolean
  readonly signal: AbortSignal
}

/** Answers from a picture, or from a picture and a crop of it. @throws EndOfRun where no other question will fare better */
export type Answerer = (
  question: string,
  image: Image,
  crop: Box | null,
  options: { readonly maxNewTokens: number; readonly signal: AbortSignal },
) => Promise<string>

/** What is wrong with no question but with all that follow. */
export class EndOfRun extends Error {
  override name = 'EndOfRun'
}

/** A question answered in one way, or why it could not be. */
export type Outcome =
  | { readonly way: Way; readonly found: Found; readonly error: null }
  | { readonly way: Way; readonly found: null; readonly error: string }

export interface Found extends Pick<Row, 'answer' | 'crop' | 'cropReason' | 'timings'> {
  readonly image: Size
  readonly importance: ImportanceMap | null
  readonly ratios: readonly number[] | null
}

/** Where one way crops. */
interface Place extends Pick<Found, 'crop' | 'cropReason' | 'timings'> {
  readonly importance: ImportanceMap | null
}

/** Whether a picture should be seen for gradients by its pixels, as one of the ways needs them. */
export const seeMethod = (ways: readonly Way[]): Method =>
  ways.some(({ method }) => method === 'pure-grad') ? 'pure-grad' : 'rel-att'

/**
 * Asks a picture one question in several ways. What ways have in common is done once: the prefix, the plain answer, and the
 * answer from the same crop.
 *
 * @returns when all has been looked at, what will be there when all is answered
 */
export async function askInWays(
  picture: Picture,
  question: Question,
  ways: readonly Way[],
  asker: Asker,
): Promise<{ readonly outcomes: Promise<Outcome[]> }> {
  const places = new Map<Way, Promise<Place>>()
  for (const way of gradientsFirst(ways)) {
    const place = placeOf(picture, question, way, asker)
    places.set(way, place)
    await settled(place)
  }
  const ratios = ratiosOf(picture, question, asker)
  await settled(ratios)
  const answerFrom = answering(picture, question, asker)
  const { width, height } = picture.image
  const findIn = async (way: Way): Promise<Found> => {
    const place = await (places.get(way) as Promise<Place>)
    const { answer, timings } = await answerFrom(place.crop)
    const facts = { image: { width, height }, ratios: await ratios }
    return { ...place, ...facts, answer, timings: { ...place.timings, ...timings } }
  }
  const outcomeOf = async (way: Way): Promise<Outcome> => {
    try {
      return { way, found: await findIn(way), error: null }
    } catch (error) {
      asker.signal.throwIfAborted()
      if (error instanceof EndOfRun) throw error
      return { way, found: null, error: (error as Error).message }
    }
  }
  return { outcomes: Promise.all(ways.map(outcomeOf)) }
}

/** Waits for work that may fail: who asks for its value hears of it. */
const settled = (work: Promise<unknown>): Promise<unknown> => work.catch(() => {})

/** Whose prefill is the forward pass of a gradient goes first, so that the others find what it has left. */
const gradientsFirst = (ways: readonly Way[]): Way[] =>
  ways.toSorted((a, b) => Number(b.method === 'pure-grad') - Number(a.method === 'pure-grad'))

async function placeOf(picture: Picture, question: Question, way: Way, asker: Asker): Promise<Place> {
  const { image } = picture
  const { inputSize } = asker.vicrop
  const at = (crop: Box): Place => ({ ...nowhere, crop })
  if (way.method === 'none') return { ...nowhere, cropReason: 'method none' }
  if (way.method === 'centre') return at(centreCrop(inputSize, image))
  if (way.method === 'random') return at(randomCrop(question.id, way.seed ?? 1, inputSize, image))
  if (way.method === 'human')
    return question.boxes.length === 0
      ? { ...nowhere, cropReason: 'no box' }
      : at(humanCrop(question.boxes, inputSize, image))
  const { signal } = asker
  const asked = question.mapQuestion ?? question.question
  const look = await picture.look(asked, { ...lookOptions(way), signal })
  const { totalMs: _, ...timings } = look.timings
  return { crop: look.crop, cropReason: look.cropReason, importance: look.importance, timings }
}

const nowhere: Place = { crop: null, cropReason: null, importance: null, timings: {} }

function lookOptions(way: Way): LookOptions {
  const { layers, connectorLayers, variant, highRes } = way
  return {
    method: way.method as Method,
    ...(layers && { layers }),
    ...(connectorLayers && { connectorLayers }),
    ...(variant && { variant }),
    ...(highRes && { highRes }),
  }
}

/** The attention ratio of each layer, as `attentionRatios` has it, but the mean over all boxes; null where none is wanted. */
async function ratiosOf(
  picture: Picture,
  { boxes, question, mapQuestion }: Question,
  { ratios, signal }: Asker,
): Promise<number[] | null> {
  if (!ratios || boxes.length === 0) return null
  const options = { layers: 'all', connectorLayers: 'all', signal } as const
  const maps = await picture.relativeAttention(mapQuestion ?? question, options)
  return maps.map(map => meanAttentionRatio(map, boxes))
}

interface Answered {
  readonly answer: string
  readonly timings: Found['timings']
}

/** Answers from picture and crop, from each crop once; from the picture alone without one. */
function answering(
  picture: Picture,
  { question }: Question,
  { answerer, maxNewTokens, signal }: Asker,
): (crop: Box | null) => Promise<Answered> {
  const known = new Map<string, Promise<Answered>>()
  const options = { maxNewTokens, signal }
  const byModel = async (crop: Box | null): Promise<Answered> => {
    const how = crop === null ? ({ method: 'none' } as const) : { crop }
    const { answer, timings } = await picture.ask(question, { ...options, ...how, plain: false })
    const { totalMs: _, ...stages } = timings
    return { answer, timings: stages }
  }
  const byOther = async (answerer: Answerer, crop: Box | null): Promise<Answered> => {
    const start = performance.now()
    const answer = await answerer(question, picture.image, crop, options)
    return { answer, timings: { answerMs: performance.now() - start } }
  }
  function answerFrom(crop: Box | null): Promise<Answered> {
    const key = JSON.stringify(crop)
    const answered = known.get(key) ?? (answerer === null ? byModel(crop) : byOther(answerer, crop))
    known.set(key, answered)
    return answered
  }
  return answerFrom
}
