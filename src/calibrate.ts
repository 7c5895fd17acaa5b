import type { Box } from './image/image.ts'
import { attentionRatio } from './importance/attention-ratio.ts'
import type { Picture } from './picture.ts'

/**
 * How much more of each layer's relative attention lies on the thing asked about than chance would put there: the
 * attention ratio (Zhang et al. 2025, section 4), for every layer of the language model at once.
 *
 * @param box of what has to be seen for the answer, in source pixels
 * @returns by layer; 1 is chance; NaN where the model is not shown the thing, or attends to nothing
 */
export async function attentionRatios(
  picture: Picture,
  { question, box }: { readonly question: string; readonly box: Box },
  options: { readonly signal?: AbortSignal } = {},
): Promise<number[]> {
  const maps = await picture.relativeAttention(question, { layers: 'all', ...options })
  return maps.map(map => attentionRatio(map, box))
}

/** Which layers of a model look at what is asked about. */
export interface Calibration {
  /** The layers with the highest mean, the highest first. */
  readonly layers: readonly number[]
  /** The mean attention ratio of each layer. */
  readonly ratios: readonly number[]
  /** How many questions said something. */
  readonly questions: number
}

/**
 * Chooses the layers that look best from what `attentionRatios` gave for a number of questions.
 *
 * @param measured by question and layer
 * @param count how many layers to choose
 */
export function chooseLayers(measured: readonly (readonly number[])[], count: number): Calibration {
  const seen = measured.filter(ratios => ratios.every(Number.isFinite))
  const layers = seen[0]?.length ?? 0
  if (count < 1 || count > layers) {
    throw new Error(
      layers === 0
        ? 'no question had a thing that the model is shown. Check the boxes: source pixels, inside the picture.'
        : `${count} layers asked for: the model has ${layers}. Ask for 1 to ${layers}.`,
    )
  }
  const ratios = Array.from(
    { length: layers },
    (_, layer) => seen.reduce((sum, of) => sum + (of[layer] as number), 0) / seen.length,
  )
  const best = ratios.map((_, layer) => layer).toSorted((a, b) => ratios[b]! - ratios[a]!)
  return { layers: best.slice(0, count), ratios, questions: seen.length }
}
