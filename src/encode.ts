import { type Backward, backwardPass } from './backward.ts'
import type { ConnectorSessions } from './connect.ts'
import { imageRuns } from './decode/prompt.ts'
import { forwardTo } from './grad/chain.ts'
import { evaluateDimension, sizeOf } from './graph/dimension.ts'
import { type Graph, nodesOf } from './graph/graph.ts'
import { nodeKinds } from './graph/tensor.ts'
import type { Geometry } from './image/geometry.ts'
import type { Image, Size } from './image/image.ts'
import { resize } from './image/resize.ts'
import { InputError } from './input-error.ts'
import type { Feed, ImageFeatures, ImageRow, Model, PreparedImage, VisionModel } from './models/model.ts'
import { type Engine, float32Value, floats, onlyOutputs, type Session, type Values } from './onnx/session.ts'
import { sessionCache } from './onnx/session-cache.ts'

// From pictures to the rows that stand for them in a prompt.
// B views of pictures · T rows of a view · C width of the language model

/** The sessions of one vision encoder and its connector, opened when first needed. */
export interface VisionSessions {
  /** `pixel_values` [B,...] -> `image_features` [B,T,C]. */
  encode(): Promise<Session>
  /** The same, with what `backward` needs of the way as outputs too. */
  encodeWithHidden(): Promise<Session>
  /** From `image_features` down to `pixel_values`. */
  backward(): Backward
  /** How many views such as those of a picture go through the encoder in one run. */
  viewsAtOnce(image: PreparedImage): number
  release(): Promise<void>
}

export function visionSessions(engine: Engine, { encode }: VisionModel): VisionSessions {
  const cache = sessionCache(engine)
  const chain = encode()
  const forward = forwardTo(chain, ['image_features'])
  const [, ...computed] = Object.keys(chain.cuts)
  const withHidden = () => cache.open('encode with hidden', () => forwardTo(chain, computed))
  let backward: Backward | null = null
  return {
    // Where a second session would be a second copy of the encoder, one serves both.
    encode: async () =>
      engine.copiesWeights
        ? onlyOutputs(await withHidden(), ['image_features'])
        : cache.open('encode', () => forward),
    encodeWithHidden: withHidden,
    backward() {
      backward ??= backwardPass('backward', chain, cache)
      return backward
    },
    viewsAtOnce: image => Math.max(1, Math.floor(batchBytes / largestResult(forward, feedsOf(image)))),
    release: cache.release,
  }
}

/** What the largest result of an encoder's run may take. There are about three of its size at a time. */
const batchBytes = 128 * 2 ** 20

/** Bytes of the largest result that one view has in a graph of float32. */
function largestResult(graph: Graph, feeds: Readonly<Record<string, Feed>>): number {
  const nodes = nodesOf(graph)
  const named = nodes.flatMap(({ kind, value, results }) => {
    const shape = kind === 'Input' ? feeds[value as string]?.shape : undefined
    return (shape ?? []).map((size, axis) => [results[0]?.shape[axis], size] as const)
  })
  const sizes = { ...Object.fromEntries(named), B: 1 }
  const results = nodes.flatMap(node => (nodeKinds[node.kind] === 'leaf' ? [] : node.results))
  return Math.max(...results.map(({ shape }) => 4 * evaluateDimension(sizeOf(shape), sizes)))
}

/** All inputs of the encoder for a picture. */
const feedsOf = ({ pixelValues, shape, feeds }: PreparedImage): Readonly<Record<string, Feed>> => ({
  ...feeds,
  pixel_values: float32Value(pixelValues, shape),
})

/** A model that can encode. */
export interface Encoder {
  readonly model: Model
  readonly vision: VisionSessions
  /** null where the features of a picture are its rows in the prompt. */
  readonly connector: ConnectorSessions | null
}

/**
 * A picture as a prompt takes it, and where its cells lie. Before a connector that depends on the question its features are
 * the encoder's, and its rows stand in no prompt until `connectImage` has made them.
 */
export interface EncodedImage {
  readonly features: ImageFeatures
  /** What stands for it: these texts, and a run of rows between each two. */
  readonly texts: readonly string[]
  readonly runs: readonly ImageRow[][]
  readonly geometry: Geometry
}

interface EncodeOptions {
  /** What is asked, for connectors that depend on it. */
  readonly question?: string
  readonly signal?: AbortSignal | undefined
}

/** One picture through the vision encoder and the connector. */
export async function encodeImage(
  encoder: Encoder,
  image: Image,
  { question = '', signal }: EncodeOptions = {},
): Promise<EncodedImage> {
  const [encoded] = await encodeAll(encoder, [encoder.model.vision.preprocess(image)], signal)
  return connectImage(encoder, encoded as EncodedImage, question, signal)
}

/** An encoded picture as it stands in a prompt with a question: itself, unless a connector makes other rows of it. */
export async function connectImage(
  { connector, model }: Encoder,
  encoded: EncodedImage,
  question: string,
  signal?: AbortSignal,
): Promise<EncodedImage> {
  if (connector === null) return encoded
  const feeds = connector.feeds(encoded.features, model.instruct(question))
  const session = await connector.connect()
  signal?.throwIfAborted()
  const data = floats(await session.run(feeds), 'query_features')
  const width = model.language.hiddenSize
  const features = { rows: data.length / width, width, data, grid: encoded.features.grid }
  const rows = encoded.runs.map(run => run.map(({ row }) => row))
  return { ...encoded, features, runs: imageRuns(features, rows) }
}

/** A crop of a picture as the model is to see it: see `enlargedCrop`. */
export const encodeCrop = (
  encoder: Encoder,
  crop: Image,
  picture: Size,
  room: number,
  options: EncodeOptions = {},
): Promise<EncodedImage> => encodeImage(encoder, enlargedCrop(encoder, crop, picture, room), options)

/**
 * A crop of a picture, enlarged where the model would not see more of it than it saw in the picture.
 * @param room positions that it may take
 */
export function enlargedCrop(encoder: Encoder, crop: Image, picture: Size, room: number): Image {
  return resize(crop, encoder.model.vision.enlarged(crop, picture, room), 'bicubic')
}

/**
 * Several pictures through the vision encoder, their views together in one pass where they have one shape and their memory
 * allows.
 */
export async function encodeAll(
  encoder: Encoder,
  images: readonly PreparedImage[],
  signal?: AbortSignal,
): Promise<EncodedImage[]> {
  const session = await encoder.vision.encode()
  const encoded = new Map<PreparedImage, EncodedImage>()
  for (const alike of groupsByShape(images)) {
    const parts: Float32Array[] = []
    for (const feeds of batchesOf(encoder, alike)) {
      signal?.throwIfAborted()
      parts.push(floats(await session.run(feeds), 'image_features'))
    }
    const features = joined(parts)
    const perView = features.length / alike.reduce((views, { shape }) => views + (shape[0] as number), 0)
    let start = 0
    for (const image of alike) {
      const end = start + perView * (image.shape[0] as number)
      encoded.set(image, encodedImage(encoder.model, image, features.subarray(start, end)))
      start = end
    }
  }
  return images.map(image => encoded.get(image) as EncodedImage)
}

/** A picture with its features, [B,T,C]. */
export function encodedImage(model: Model, image: PreparedImage, data: Float32Array): EncodedImage {
  const { texts, geometry } = image
  const width = model.connector?.featureWidth ?? model.language.hiddenSize
  const features = { rows: data.length / width, width, data, grid: geometry.grid }
  return { features, texts, runs: imageRuns(features, image.runs), geometry }
}

/** A picture whose rows alone are more than a prompt can have is refused before it is encoded. */
function requireRoom({ model }: Encoder, { runs }: PreparedImage): void {
  const positions = runs.reduce((sum, run) => sum + run.length, 0)
  const { maxPositions } = model.language
  if (positions <= maxPositions) return
  throw new InputError(
    `picture: takes ${positions} positions, the model has room for ${maxPositions}. Give a smaller picture.`,
  )
}

/** Pictures whose views can go through the encoder together: of one shape, and with the same other inputs. */
function groupsByShape(images: readonly PreparedImage[]): PreparedImage[][] {
  const groups = new Map<string, PreparedImage[]>()
  for (const image of images) {
    const { rows, columns } = image.geometry.grid
    const others = Object.keys(image.feeds).length === 0 ? '' : `${rows}x${columns}`
    const key = `${image.shape.slice(1)} ${others}`
    groups.set(key, [...(groups.get(key) ?? []), image])
  }
  return [...groups.values()]
}

/** The encoder's feeds for views of one shape, as many at once as `viewsAtOnce` says. */
export function* batchesOf(encoder: Encoder, images: readonly PreparedImage[]): Generator<Values, void> {
  for (const image of images) requireRoom(encoder, image)
  const [{ shape, feeds }] = images as [PreparedImage, ...PreparedImage[]]
  const views = images.flatMap(image => partsOf(image.pixelValues, image.shape[0] as number))
  const atOnce = encoder.vision.viewsAtOnce(images[0] as PreparedImage)
  for (let from = 0; from < views.length; from += atOnce) {
    const batch = views.slice(from, from + atOnce)
    yield { ...feeds, pixel_values: float32Value(joined(batch), [batch.length, ...shape.slice(1)]) }
  }
}

/** One pass of some views: the encoder's inputs, its states and the features, by the names of its cuts. */
export async function encodeWithHidden(
  encoder: Encoder,
  feeds: Values,
  signal?: AbortSignal,
): Promise<Values> {
  const session = await encoder.vision.encodeWithHidden()
  signal?.throwIfAborted()
  return { ...feeds, ...(await session.run(feeds)) }
}

const partsOf = (data: Float32Array, count: number): Float32Array[] =>
  Array.from({ length: count }, (_, i) =>
    data.subarray((i * data.length) / count, ((i + 1) * data.length) / count),
  )

/** One after another; a single one is not copied. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0] as Float32Array
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
