import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Box } from 'vicrop'
import { coverage as shareInside } from 'vicrop/bench'

// The demo model's held-out questions, and what is counted of their answers.

export interface Question {
  readonly picture: string
  readonly question: string
  readonly answer: string
  /** Of the thing asked about; null, like its size, where there is none. */
  readonly box: Box | null
  readonly size: GroupName | null
  readonly family: string
  /** Templates that training never used, or words of one's own, some of which the model does not know. */
  readonly words: 'held out' | 'own'
}

export const groups = ['small', 'medium', 'large'] as const
export type GroupName = (typeof groups)[number]

export const folder = fileURLToPath(new URL('../../demo/benchmark', import.meta.url))

export const questionsOf = async (folder: string): Promise<Question[]> =>
  JSON.parse(await readFile(join(folder, 'questions.json'), 'utf8'))

export const isRight = ({ answer }: Question, text: string): boolean =>
  text.toLowerCase() === answer.toLowerCase()

/** The demo model's input in pixels, and with it the smallest crop of the paper's rule. */
export const inputSize = 80

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

/** Share of a box that lies inside a crop. */
export const coverage = (box: Box, crop: Box | null): number => (crop === null ? 0 : shareInside(box, crop))
