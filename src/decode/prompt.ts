/** What the vision encoder made of a picture: T rows of C numbers, float32 [T,C]. */
export interface ImageFeatures {
  readonly rows: number
  readonly width: number
  readonly data: Float32Array
}

/** One row of an encoded picture at its place in a prompt. */
export interface ImageRow {
  readonly features: ImageFeatures
  readonly row: number
}

/**
 * A prompt as the decoder takes it: a token id or a picture's row for every position. Rows are equal exactly when
 * they are the same object, so make those of a picture once, with `imageRows`.
 */
export type Prompt = readonly (number | ImageRow)[]

export const imageRows = (features: ImageFeatures): ImageRow[] =>
  Array.from({ length: features.rows }, (_, row) => ({ features, row }))

/**
 * Token ids with each placeholder replaced by the rows of its picture, in order.
 * @throws if placeholders and pictures are not equally many
 */
export function placeImages(
  ids: readonly number[],
  placeholder: number,
  images: readonly ImageRow[][],
): Prompt {
  const found = ids.filter(id => id === placeholder).length
  if (found !== images.length) {
    throw new Error(
      `prompt: ${found} places for ${images.length} pictures. Leave the image token out of the question, and check the chat template.`,
    )
  }
  let next = 0
  return ids.flatMap((id): Prompt => (id === placeholder ? (images[next++] as ImageRow[]) : [id]))
}

/** How many positions two prompts share from the start. */
export function commonPrefix(a: Prompt, b: Prompt): number {
  const shorter = Math.min(a.length, b.length)
  let length = 0
  while (length < shorter && a[length] === b[length]) length++
  return length
}
