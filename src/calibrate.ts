import type { Box } from './image/image.ts'
import { attentionRatio } from './importance/attention-ratio.ts'
import type { Picture } from './picture.ts'

/**
 * How much more of each layer's relative attention lies on the thing asked about than chance would put there: the
 * attention ratio (Zhang et al. 2025, section 4), for every layer of the language model at once.
 *
 * @param box of what has to be seen for the answer, in source pixels
 * @returns by layer; 1 is chance; NaN where the model is not shown the thing, or attends to nothing. Behind a connector that
 *   attends to the picture by itself, layer by layer, with each of the connector's
 */
export async function attentionRatios(
  picture: Picture,
  { question, box }: { readonly question: string; readonly box: Box },
  options: { readonly signal?: AbortSignal } = {},
): Promise<number[]> {
  const maps = await picture.relativeAttention(question, {
    layers: 'all',
    connectorLayers: 'all',
    ...options,
  })
  return maps.map(map => attentionRatio(map, box))
}

/** Which layers of a model look at what is asked about. */
export interface Calibration {
  /** The layers with the highest mean, the highest first. */
  readonly layers: readonly number[]
  /** The layer of the connector with which they do; left out where the connector does not attend to the picture. */
  readonly connectorLayers?: readonly number[]
  /** The mean attention ratio of each layer, with that one of the connector. */
  readonly ratios: readonly number[]
  /** How many questions said something. */
  readonly questions: number
}

/**
 * Chooses the layers that look best from what `attentionRatios` gave for a number of questions.
 *
 * @param measured by question and layer
 * @param count how many layers to choose
 * @param connectorLayerCount how many layers of the connector each layer was measured with; 0: it has none
 */
export function chooseLayers(
  measured: readonly (readonly number[])[],
  count: number,
  connectorLayerCount = 0,
): Calibration {
  const seen = measured.filter(ratios => ratios.every(Number.isFinite))
  const width = Math.max(connectorLayerCount, 1)
  const layers = (seen[0]?.length ?? 0) / width
  if (count < 1 || count > layers) {
    throw new Error(
      layers === 0
        ? 'no question had a thing that the model is shown. Check the boxes: source pixels, inside the picture.'
        : `${count} layers asked for: the model has ${layers}. Ask for 1 to ${layers}.`,
    )
  }
  const mean = (i: number): number => seen.reduce((sum, of) => sum + (of[i] as number), 0) / seen.length
  const choices = Array.from({ length: width }, (_, k) => {
    const ratios = Array.from({ length: layers }, (_, layer) => mean(layer * width + k))
    const best = ratios.map((_, layer) => layer).toSorted((a, b) => ratios[b]! - ratios[a]!)
    const chosen = best.slice(0, count)
    return { k, ratios, layers: chosen, sum: chosen.reduce((sum, layer) => sum + ratios[layer]!, 0) }
  })
  const { sum: _, k, ...choice } = choices.reduce((a, b) => (b.sum > a.sum ? b : a))
  const ofConnector = connectorLayerCount === 0 ? {} : { connectorLayers: [k] }
  return { ...choice, ...ofConnector, questions: seen.length }
}
