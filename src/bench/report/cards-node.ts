import sharp, { type Sharp } from 'sharp'
import { decodeImage } from '../../image/decode-node.ts'
import { scaleGeometry } from '../../image/geometry.ts'
import { cropImage, type Image, type Size } from '../../image/image.ts'
import { overlay } from '../../image/overlay.ts'
import type { ImageReference } from '../question.ts'
import type { StoredMap } from '../row.ts'
import type { Card, Gallery } from './card.ts'
import { plainOf } from './compare.ts'
import type { WayResults } from './experiment.ts'
import type { Example } from './gallery.ts'

/** The longer side of a picture on the page, and of a crop. */
const [pictureSide, closeSide] = [448, 224]

/** So that a page opens on a telephone. In characters of base64. */
const mostInAll = 8e6

/** Reads a picture's file; null where nobody has it. */
export type ReadPicture = (benchmark: string, image: ImageReference) => Promise<Uint8Array | null>

/** The examples with their pictures, as many as fit on a page; maps are drawn on grey where there is no picture. */
export async function drawGallery(examples: readonly Example[], read: ReadPicture): Promise<Gallery> {
  const cards: Card[] = []
  let size = 0
  for (const example of examples) {
    const card = await drawCard(example, read)
    size += card.picture.length + (card.close?.length ?? 0)
    if (size > mostInAll) break
    cards.push(card)
  }
  return { cards, leftOut: examples.length - cards.length }
}

async function drawCard(
  { outcome, experiment, way, plain, cropped }: Example,
  read: ReadPicture,
): Promise<Card> {
  const { question, image: size, crop, map } = cropped
  const { id } = question
  const image = await decoded(await read(experiment.benchmark.name, question.image), size)
  const scoreIn = (results: WayResults | null): number | null => results?.answers.get(id)?.score.value ?? null
  return {
    outcome,
    model: experiment.model.name,
    benchmark: experiment.benchmark.name,
    way: way.name,
    id,
    question: question.question,
    expected: question.expected,
    plain: { answer: plain.answer, score: scoreIn(plainOf(experiment, way)) },
    cropped: { answer: cropped.answer, score: scoreIn(way) },
    image: size,
    crop,
    boxes: question.boxes,
    picture: await dataUrl(
      withMap(image === null ? grey(size) : await scaled(image, pictureSide), size, map),
    ),
    close:
      image === null || crop === null ? null : await dataUrl(await scaled(cropImage(image, crop), closeSide)),
  }
}

/** null for what is no picture, or another than the one that was asked about. */
async function decoded(bytes: Uint8Array | null, { width, height }: Size): Promise<Image | null> {
  const image = bytes && (await decodeImage(bytes).catch(() => null))
  return image?.width === width && image.height === height ? image : null
}

/** In place of a picture of that size. */
function grey(of: Size): Image {
  const factor = pictureSide / Math.max(of.width, of.height)
  const [width, height] = [of.width, of.height].map(side => Math.max(1, Math.round(side * factor)))
  return { width: width!, height: height!, data: new Uint8Array(width! * height! * 3).fill(128) }
}

/** To so long a longer side. */
async function scaled(image: Image, side: number): Promise<Image> {
  const { data, info } = await asSharp(image)
    .resize({ width: side, height: side, fit: 'inside' })
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data: new Uint8Array(data) }
}

const asSharp = ({ width, height, data }: Image): Sharp =>
  sharp(data, { raw: { width, height, channels: 3 } })

function withMap(image: Image, source: Size, map: StoredMap | null): Image {
  if (map === null) return image
  const values = Uint8Array.from(Buffer.from(map.levels, 'base64'))
  const { grid } = map.geometry
  if (values.length !== grid.rows * grid.columns) return image
  return overlay(image, { values, geometry: scaleGeometry(map.geometry, image.width / source.width) }, null)
}

const dataUrl = async (image: Image): Promise<string> =>
  `data:image/webp;base64,${(await asSharp(image).webp({ quality: 75 }).toBuffer()).toString('base64')}`
