import type { Box } from '../image/image.ts'
import type { Problem, Question, Score } from './question.ts'

// What a benchmark is: facts, where its files lie, and pure functions that make questions of what is in them. Who opens the
// files is `read-node.ts`; nothing else here knows of any.

export interface Benchmark {
  /** As it is called on the command line. */
  readonly name: string
  /** Its folder below the data folder. */
  readonly folder: string
  readonly title: string
  readonly licence: string
  /** Of the downloads, in words: who has not got them yet wants to know. */
  readonly size: string
  /** Where each form of it is published. */
  readonly sources: readonly Source[]
  /** How many there are when everything is there; null where that is for the files to say. */
  readonly questionCount: number | null
  readonly imageCount: number | null
  readonly published: Published
  /** null where nobody publishes it so. */
  readonly parquet: ParquetForm | null
  /** Boxes that are published apart from the questions. */
  readonly boxTable?: BoxTable
  /** The part of the questions that is asked, where that is not all. */
  readonly sample?: (questions: readonly Question[]) => readonly Question[]
  readonly metric: string
  readonly scorers: Scorers
}

export interface Source {
  readonly what: string
  readonly url: string
}

/** `official` is its owners' own; `code` is the paper's repository's with its faults, null where that has none. */
export interface Scorers {
  readonly official: Scorer
  readonly code: Scorer | null
}

export type ScorerName = keyof Scorers

export type Scorer = (question: Question, answer: string) => Score

/** The files as their owners publish them. */
export interface Published {
  readonly files: readonly PublishedFile[]
  /** Where pictures may lie: below the benchmark's folder, or, after "/", below the data folder. */
  readonly imageFolders: readonly string[]
  /** @param files what is in each file, by its role; undefined where one that is not needed is not there */
  readonly read: (files: Readonly<Record<string, FileContent | undefined>>) => Read
}

export interface PublishedFile {
  readonly role: string
  /** Where it may lie below the benchmark's folder; the first is how its owners call it. */
  readonly names: readonly string[]
  /** One JSON value, one on each line, or a folder of JSON files. */
  readonly format: 'json' | 'lines' | 'folder'
  readonly isNeeded: boolean
}

export interface FileContent {
  readonly file: string
  /** JSON Lines as an array; a folder as an object by file name without ".json". */
  readonly value: unknown
}

/** The rows as the `datasets` library writes them, with pictures embedded as {bytes, path}. */
export interface ParquetForm {
  readonly shards: Shards
  /** The columns that the questions are made of, without the picture. */
  readonly columns: readonly string[]
  /** Where pictures are, if not in the column "image" of the questions' rows: rows of "id" and "image". */
  readonly imageShards: Shards | null
  readonly toQuestion: ToQuestion
}

/** Files named "SPLIT-00000-of-00003.parquet", perhaps with a hash, in folders that may be required. */
export interface Shards {
  readonly split: string
  /** The folder that must be on the way to the file; null if any will do. */
  readonly config: string | null
}

export interface BoxTable {
  /** Folders below the data folder, or the benchmark's own, in which its shards may lie. */
  readonly folders: readonly string[]
  readonly shards: Shards
  readonly columns: readonly string[]
  readonly toBox: (entry: Entry) => { readonly id: string; readonly box: Box } | string
}

/** One element of a list, one line, or one row. */
export interface Entry {
  readonly value: unknown
  /** For messages: the file and the element's place in it. */
  readonly where: string
  /** The row that it is, if it is one of a Parquet file. */
  readonly row: { readonly shard: string; readonly row: number } | null
}

/** A question; or why none can be made of an entry, as the end of a sentence. */
export type ToQuestion = (entry: Entry) => Question | string

export interface Read {
  readonly questions: readonly Question[]
  readonly problems: readonly Problem[]
}
