import type { Geometry } from '../image/geometry.ts'
import type { Box, Size } from '../image/image.ts'
import type { CropReason } from '../picture.ts'
import type { Localisation, Question, Score } from './question.ts'

// What a run writes: plain data, one line of JSON each.

/** What is cropped: where a method of the library looks, or one of the controls. */
export type CropBy =
  | 'none'
  | 'rel-att'
  | 'grad-att'
  | 'pure-grad'
  /** The smallest square that holds the boxes: what a person would crop. */
  | 'human'
  /** A square at a random place, of a random size among those that the paper's rule can choose. */
  | 'random'
  /** A square of the model's input size in the middle. */
  | 'centre'

/** One way to ask a question: with all else that a row says of itself, all that its answer depends on. */
export interface Way {
  readonly method: CropBy
  /** Absent: the model's own. */
  readonly layers?: readonly number[] | 'all'
  readonly connectorLayers?: readonly number[] | 'all'
  /** Of pure-grad. Absent: paper. */
  readonly variant?: 'paper' | 'code'
  /** Absent: auto. */
  readonly highRes?: 'on' | 'off'
  /** Of random: another seed, other squares. */
  readonly seed?: number
  /** The model that answers in place of the one that looks, as its endpoint calls it. */
  readonly answerer?: string
}

/** One question asked in one way. */
export interface Row {
  /** Of benchmark, question, model, settings and way; the same on every machine. Hexadecimal. */
  readonly key: string
  /** The run that made it: see `Provenance`. */
  readonly run: string
  readonly benchmark: string
  readonly question: Question
  /** As the user called it. */
  readonly model: string
  readonly way: Way
  readonly answer: string
  /** By the benchmark's official metric, when it was answered. */
  readonly score: Score
  readonly image: Size
  /** In source pixels, or null with the reason. */
  readonly crop: Box | null
  readonly cropReason: CropReason | 'no box' | null
  /** null where no map was made. */
  readonly map: StoredMap | null
  /** null where the question has no boxes. */
  readonly localisation: Localisation | null
  /** The attention ratio of each layer, where the run was asked for it and the question has a box; NaN as null. */
  readonly ratios?: readonly (number | null)[]
  /** Milliseconds by stage; what was done once for several ways is in each of them. */
  readonly timings: Readonly<Record<string, number>>
}

/** An importance map in few bytes, to look at. */
export interface StoredMap {
  readonly rows: number
  readonly columns: number
  readonly geometry: Geometry
  /** Row by row, base64 of one byte a cell: 255 times the value over the largest. */
  readonly levels: string
}

/** A question that could not be answered, set aside. */
export interface FailedRow extends Pick<Row, 'key' | 'run' | 'benchmark' | 'question' | 'model' | 'way'> {
  readonly error: string
}

/** How a run was made, in a file of its own. */
export interface Provenance {
  readonly id: string
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly versions: { readonly vicrop: string; readonly onnxruntime: string; readonly node: string }
  readonly machine: {
    readonly platform: string
    readonly cpu: string
    readonly threads: number
    /** Where it was computed: cpu, webgpu or cuda. */
    readonly device: string
  }
  readonly model: ModelFacts
  readonly settings: Settings
  readonly benchmark: {
    readonly name: string
    readonly form: 'published' | 'parquet'
    readonly questionCount: number
    /** SHA-256 of the questions as they were read: another edition of the files has another. */
    readonly hash: string
  }
  readonly ways: readonly Way[]
  /** Where the answerer that ways name is asked. */
  readonly answerer?: string
}

export interface ModelFacts {
  readonly name: string
  /** SHA-256 of its configuration, tokenizer and weights. */
  readonly hash: string
  readonly modelType: string
  /** The input's side in pixels, which crops are measured by. */
  readonly inputSize: number
  readonly layerCount: number
  /** Those that are read where a way names none. */
  readonly layers: readonly number[]
}

/** What is set for a whole run and changes answers. The device does not: it is in no key. */
export interface Settings {
  readonly dtype: 'f32' | 'f16' | 'q8' | 'q4'
  readonly prompt: 'plain' | 'chat'
  readonly maxNewTokens: number
  readonly fit?: 'crop' | 'pad' | 'stretch'
  readonly maxPixels?: number
}
