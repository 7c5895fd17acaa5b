import type { CropBy, ModelFacts } from '../row.ts'

// The numbers of Zhang et al. 2025, to stand beside: https://arxiv.org/abs/2502.17422. Scores are 0 to 1 here.

export type PaperModel = 'LLaVA-1.5' | 'InstructBLIP' | 'BLIP-2' | 'Qwen-VL' | 'GPT-4o'

/**
 * Which of the paper's models this one is, by its shape: LLaVA-1.5 and InstructBLIP, both with Vicuna-7B. Their larger sisters
 * have 40 layers.
 */
export function paperModelOf({ modelType, layerCount, inputSize }: ModelFacts): PaperModel | null {
  if (layerCount !== 32) return null
  if (modelType === 'llava' && inputSize === 336) return 'LLaVA-1.5'
  return modelType === 'instructblip' && inputSize === 224 ? 'InstructBLIP' : null
}

const shares = <T extends Readonly<Record<string, number>>>(perCent: T): T =>
  Object.fromEntries(Object.entries(perCent).map(([name, value]) => [name, value / 100])) as T

/** The methods of table 2, by benchmark. */
const table2: Partial<Record<PaperModel, Partial<Record<CropBy, Readonly<Record<string, number>>>>>> = {
  'LLaVA-1.5': {
    none: row(47.8, 42.41, 85.27, 15.97, 59.01, 60.48, 75.57),
    'rel-att': row(55.17, 62.3, 87.25, 19.63, 60.66, 60.97, 76.51),
    'grad-att': row(56.06, 57.07, 87.03, 19.84, 59.94, 60.98, 76.06),
    'pure-grad': row(51.67, 46.07, 86.06, 17.7, 59.92, 60.54, 75.94),
  },
  InstructBLIP: {
    none: row(33.48, 35.6, 84.89, 9.2, 60.06, 49.41, 76.25),
    'rel-att': row(45.44, 42.41, 86.64, 9.95, 61.28, 49.75, 76.84),
    'grad-att': row(45.71, 37.7, 86.99, 10.81, 61.77, 50.33, 76.08),
    'pure-grad': row(42.23, 37.17, 86.84, 8.99, 61.6, 50.08, 76.71),
  },
}

function row(
  textvqa: number,
  vstar: number,
  pope: number,
  docvqa: number,
  aokvqa: number,
  gqa: number,
  vqav2: number,
): Readonly<Record<string, number>> {
  return shares({ textvqa, vstar, pope, docvqa, aokvqa, gqa, vqav2 })
}

/** Table 2. null where the paper has no such number. */
export function paperScore(model: ModelFacts, benchmark: string, method: CropBy): number | null {
  const paperModel = paperModelOf(model)
  return (paperModel && table2[paperModel]?.[method]?.[benchmark]) ?? null
}

export type SizeName = 'small' | 'medium' | 'large'

/** Table 1: TextVQA by size, with the whole picture alone and with the human crop. */
export const table1: readonly {
  readonly model: PaperModel
  readonly method: 'none' | 'human'
  readonly scores: Readonly<Record<SizeName, number>>
}[] = [
  sizes('BLIP-2', 'none', 12.13, 19.57, 36.32),
  sizes('BLIP-2', 'human', 55.76, 52.02, 45.73),
  sizes('InstructBLIP', 'none', 21.79, 30.58, 45.3),
  sizes('InstructBLIP', 'human', 69.6, 61.56, 53.39),
  sizes('LLaVA-1.5', 'none', 39.38, 47.74, 50.65),
  sizes('LLaVA-1.5', 'human', 69.95, 65.36, 56.96),
  sizes('Qwen-VL', 'none', 56.42, 65.09, 68.6),
  sizes('Qwen-VL', 'human', 70.35, 75.49, 71.05),
  sizes('GPT-4o', 'none', 65.76, 72.81, 69.17),
  sizes('GPT-4o', 'human', 75.63, 81.32, 71.72),
]

function sizes(
  model: PaperModel,
  method: 'none' | 'human',
  small: number,
  medium: number,
  large: number,
): (typeof table1)[number] {
  return { model, method, scores: shares({ small, medium, large }) }
}

/** Table 1, as `paperScore`. */
export function paperScoreBySize(
  model: ModelFacts,
  benchmark: string,
  method: CropBy,
  size: SizeName,
): number | null {
  if (benchmark !== 'textvqa') return null
  const found = table1.find(one => one.model === paperModelOf(model) && one.method === method)
  return found?.scores[size] ?? null
}

/** Table 3: V* without the map made of blocks, LLaVA-1.5. */
export const withoutHighRes: Partial<Record<CropBy, number>> = shares({
  'rel-att': 47.64,
  'grad-att': 49.74,
  'pure-grad': 45.03,
})

/** Table 3: what the mean over all layers gains over the chosen ones on TextVQA. */
export const gainOfAllLayers: Partial<Record<PaperModel, Partial<Record<CropBy, number>>>> = {
  'LLaVA-1.5': shares({ 'rel-att': 0.3, 'grad-att': 0.2 }),
  InstructBLIP: shares({ 'rel-att': -1, 'grad-att': -0.7 }),
}

/** Table 4: seconds a question that a method takes beside the plain answer, LLaVA-1.5 on a GPU. */
export const overheadSeconds: Partial<Record<CropBy, number>> = {
  'rel-att': 1.16,
  'grad-att': 0.89,
  'pure-grad': 2.36,
}
