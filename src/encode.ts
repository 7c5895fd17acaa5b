import { type Backward, backwardPass } from './backward.ts'
import { type ImageRow, imageRows } from './decode/prompt.ts'
import { forwardTo } from './grad/chain.ts'
import { evaluateDimension, sizeOf } from './graph/dimension.ts'
import { type Graph, nodesOf } from './graph/graph.ts'
import { nodeKinds } from './graph/tensor.ts'
import type { Geometry } from './image/geometry.ts'
import type { Image } from './image/image.ts'
import type { Model, PreparedImage, VisionModel } from './models/model.ts'
import { type Engine, float32Value, floats, type Session, type Value, type Values } from './onnx/session.ts'
import { sessionCache } from './onnx/session-cache.ts'

// From pictures to the rows that stand for them in a prompt.
// B pictures · H, W the model's input in pixels · T rows of a picture · C width of the language model

/** The sessions of one vision encoder and its connector, opened when first needed. */
export interface VisionSessions {
  /** `pixel_values` [B,3,H,W] -> `image_features` [B,T,C]. */
  encode(): Promise<Session>
  /** The same, with what `backward` needs of the way as outputs too. */
  encodeWithHidden(): Promise<Session>
  /** From `image_features` down to `pixel_values`. */
  backward(): Backward
  /** How many pictures go through the encoder in one run. */
  readonly picturesAtOnce: number
  release(): Promise<void>
}

export function visionSessions(engine: Engine, { encode }: VisionModel): VisionSessions {
  const cache = sessionCache(engine)
  const chain = encode()
  const forward = forwardTo(chain, ['image_features'])
  const [, ...computed] = Object.keys(chain.cuts)
  let backward: Backward | null = null
  return {
    encode: () => cache.open('encode', () => forward),
    encodeWithHidden: () => cache.open('encode with hidden', () => forwardTo(chain, computed)),
    backward() {
      backward ??= backwardPass('backward', chain, cache)
      return backward
    },
    picturesAtOnce: Math.max(1, Math.floor(batchBytes / largestResult(forward))),
    release: cache.release,
  }
}

/** What the largest result of an encoder's run may take. There are about three of its size at a time. */
const batchBytes = 128 * 2 ** 20

/** Bytes of the largest result that one picture has in a graph of float32. */
function largestResult(graph: Graph): number {
  const sizes = nodesOf(graph).flatMap(({ kind, results }) => (nodeKinds[kind] === 'leaf' ? [] : results))
  return Math.max(...sizes.map(({ shape }) => 4 * evaluateDimension(sizeOf(shape), { B: 1 })))
}

/** A model that can encode. */
export interface Encoder {
  readonly model: Model
  readonly vision: VisionSessions
}

/** A picture as the decoder takes it, and where its cells lie. */
export interface EncodedImage {
  readonly rows: ImageRow[]
  readonly geometry: Geometry
}

/** One pass through the vision encoder and the connector. */
export async function encodeImage(
  encoder: Encoder,
  image: Image,
  signal?: AbortSignal,
): Promise<EncodedImage> {
  const prepared = encoder.model.vision.preprocess(image)
  const [rows] = await encodeAll(encoder, [prepared], signal)
  return { rows: rows as ImageRow[], geometry: prepared.geometry }
}

/** The rows of each picture, several pictures in one pass where their memory allows. */
export async function encodeAll(
  encoder: Encoder,
  images: readonly PreparedImage[],
  signal?: AbortSignal,
): Promise<ImageRow[][]> {
  const session = await encoder.vision.encode()
  const rows: ImageRow[][] = []
  const { picturesAtOnce } = encoder.vision
  for (let from = 0; from < images.length; from += picturesAtOnce) {
    signal?.throwIfAborted()
    const batch = images.slice(from, from + picturesAtOnce)
    const outputs = await session.run({ pixel_values: stackPixels(batch) })
    rows.push(...rowsOf(floats(outputs, 'image_features'), encoder.model))
  }
  return rows
}

/** One pass of one picture: the encoder's input, its states and the features, by the names of its cuts. */
export async function encodeWithHidden(
  encoder: Encoder,
  { pixelValues, shape }: PreparedImage,
  signal?: AbortSignal,
): Promise<Values> {
  const session = await encoder.vision.encodeWithHidden()
  signal?.throwIfAborted()
  const pixels = { pixel_values: float32Value(pixelValues, shape) }
  return { ...pixels, ...(await session.run(pixels)) }
}

function stackPixels(images: readonly PreparedImage[]): Value {
  const [first, ...others] = images as [PreparedImage, ...PreparedImage[]]
  if (others.length === 0) return float32Value(first.pixelValues, first.shape)
  const size = first.pixelValues.length
  const stacked = new Float32Array(images.length * size)
  for (const [i, { pixelValues }] of images.entries()) stacked.set(pixelValues, i * size)
  return float32Value(stacked, [images.length, ...first.shape.slice(1)])
}

/** Features [B,T,C] as the rows of each picture. */
export function rowsOf(features: Float32Array, { vision, language }: Model): ImageRow[][] {
  const [rows, width] = [vision.imageTokens, language.hiddenSize]
  return Array.from({ length: features.length / (rows * width) }, (_, i) =>
    imageRows({ rows, width, data: features.subarray(i * rows * width, (i + 1) * rows * width) }),
  )
}
