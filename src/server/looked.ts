import { encodePng } from '../image/decode-node.ts'
import type { Image } from '../image/image.ts'
import { enlargedOverlay } from '../image/overlay.ts'
import type { Answer, Look, Picture } from '../picture.ts'
import { plainMap, roundedTimings } from '../plain.ts'
import type { MapForm } from './openai.ts'

/** How the model looked, as responses say it; the map in the form that was asked for. */
export async function described(
  look: Look | Answer<string | null>,
  image: Image,
  map: MapForm,
): Promise<object> {
  const { method, layers, connectorLayers, target, variant, blocks, crop, cropReason, importance } = look
  return {
    method,
    layers,
    connectorLayers,
    target,
    variant,
    blocks,
    image: look.image,
    crop,
    cropReason,
    ...('plainAnswer' in look && { plainAnswer: look.plainAnswer }),
    ...(map === 'values' && { importance: importance && plainMap(importance) }),
    ...(map === 'png' && { map: importance && (await pngUrl(enlargedOverlay(image, importance, crop))) }),
    timings: roundedTimings(look.timings),
  }
}

/** The same of several, the others within the first. */
export async function describedAll(
  looks: readonly { readonly look: Look | Answer<string | null>; readonly picture: Picture }[],
  map: MapForm,
): Promise<object> {
  const [first, ...others] = await Promise.all(
    looks.map(({ look, picture }) => described(look, picture.image, map)),
  )
  return { ...first, ...(others.length > 0 && { others }) }
}

export const pngUrl = async (image: Image): Promise<string> =>
  `data:image/png;base64,${Buffer.from(await encodePng(image)).toString('base64')}`
