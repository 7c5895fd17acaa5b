import { InputError } from '../input-error.ts'
import type { ImageFeatures, ImageRow, Prompt } from '../models/model.ts'

/** The rows of a picture, made once, run by run. */
export const imageRuns = (features: ImageFeatures, runs: readonly (readonly number[])[]): ImageRow[][] =>
  runs.map(run => run.map(row => ({ features, row })))

/**
 * A prompt's text with the token of each picture replaced by what stands for it: its texts, with a token for a run of its
 * rows between each two.
 * @throws if tokens and pictures are not equally many
 */
export function expandImages(text: string, token: string, images: readonly (readonly string[])[]): string {
  const [first, ...others] = text.split(token) as [string, ...string[]]
  requirePlaces(others.length, images.length)
  return others.reduce((whole, part, i) => whole + (images[i] as readonly string[]).join(token) + part, first)
}

/**
 * Token ids with each placeholder replaced by a run of picture rows, in order.
 * @throws if placeholders and runs are not equally many
 */
export function placeImages(
  ids: readonly number[],
  placeholder: number,
  runs: readonly ImageRow[][],
): Prompt {
  requirePlaces(ids.filter(id => id === placeholder).length, runs.length)
  let next = 0
  return ids.flatMap((id): Prompt => (id === placeholder ? (runs[next++] as ImageRow[]) : [id]))
}

function requirePlaces(found: number, expected: number): void {
  if (found === expected) return
  throw new InputError(
    `prompt: ${found} places for ${expected} pictures. Leave the image token out of the question, and check the chat template.`,
  )
}

/** Where in a prompt a picture's rows stand. */
export const positionsOf = (prompt: Prompt, features: ImageFeatures): number[] =>
  prompt.flatMap((position, i) => (typeof position === 'object' && position.features === features ? [i] : []))

/** How many positions two prompts share from the start. */
export function commonPrefix(a: Prompt, b: Prompt): number {
  const shorter = Math.min(a.length, b.length)
  let length = 0
  while (length < shorter && a[length] === b[length]) length++
  return length
}
