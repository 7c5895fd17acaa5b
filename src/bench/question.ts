import type { Box } from '../image/image.ts'

// The plain data that everything about benchmarks is made of: no functions, so that it can be written to a file, sent
// to another machine, and read in a browser.

/** One question of a benchmark, the same whichever way the benchmark was read. */
export interface Question {
  /** Unique in its benchmark, and its publisher's own wherever there is one. */
  readonly id: string
  readonly image: ImageReference
  /** What the model is to answer; with options, if it has any, spelled out. */
  readonly question: string
  /** What the map is made for, where that is another text: the question without its options. */
  readonly mapQuestion: string | null
  readonly expected: Expected
  /** Where the answer is to be seen, in source pixels. Empty where nobody marked it. */
  readonly boxes: readonly Box[]
  /** By what its publisher sorts it: a split, a category, a kind of answer. */
  readonly tags: Readonly<Record<string, string>>
  /** false where the publisher's own score leaves it out: the difficult direct answers of A-OKVQA. */
  readonly isCounted: boolean
}

/** What would be right. */
export type Expected =
  /** What people answered, or every wording that is right. */
  | { readonly type: 'answers'; readonly answers: readonly string[] }
  | { readonly type: 'yes-no'; readonly answer: YesNo }
  /** One of several; the first option is called A. */
  | { readonly type: 'choice'; readonly options: readonly string[]; readonly correct: number }

export type YesNo = 'yes' | 'no'

/** A picture, named so that it is found again on another machine: nothing here is an absolute path. */
export type ImageReference =
  /** A file in one of the benchmark's folders of pictures. */
  | { readonly in: 'folder'; readonly id: string; readonly name: string }
  /** Embedded in a row, counted from 0, of a Parquet file below the data folder. */
  | { readonly in: 'parquet'; readonly id: string; readonly shard: string; readonly row: number }

/** What one answer to one question is worth. */
export interface Score {
  /** 0 to 1; null where the score leaves the question out. */
  readonly value: number | null
  /** The answer as it was understood: normalised, "yes" or "no", an option's letter; null if it could not be. */
  readonly read: string | null
}

/** Whether the model looked at the right place, beside whether it answered right. */
export interface Localisation {
  /** 1 is chance; the mean over the boxes that the map shows, NaN if it shows none. null without a map. */
  readonly attentionRatio: number | null
  /** Whether the map's highest cell touches a box. null without a map. */
  readonly pointed: boolean | null
  /** The share of a box inside the crop, 0 to 1: the mean over the boxes. null without a crop. */
  readonly covered: number | null
}

/** Something about a benchmark's files that its user should know. What was read is still good. */
export interface Problem {
  /** File and entry or row. */
  readonly where: string
  /** What is wrong, and what was done about it. */
  readonly problem: string
}
