import type { Box } from '../../image/image.ts'
import type { Benchmark, Scorer, ScorerName } from '../benchmark.ts'
import type { Localisation, Score } from '../question.ts'
import { benchmarks, findBenchmark } from '../registry.ts'
import type { FailedRow, ModelFacts, Provenance, Row, Settings, Way } from '../row.ts'
import { compareWays, wayKey, wayName } from './ways.ts'

// The rows of a results folder, sorted and scored. Of each what tables are made of is kept, some hundred bytes: maps, texts
// and right answers are not.

/** What one model answered to one benchmark under one setting. Nothing is ever computed across two of these unsaid. */
export interface Experiment {
  /** See `experimentKey`. */
  readonly key: string
  readonly benchmark: Benchmark
  readonly scorer: ScorerName
  readonly model: ModelFacts
  readonly settings: Settings
  /** SHA-256 of the benchmark's questions. */
  readonly edition: string
  readonly questions: ReadonlyMap<string, AskedQuestion>
  /** In the order in which tables have them. */
  readonly ways: readonly WayResults[]
  readonly failed: readonly Failure[]
}

export interface AskedQuestion {
  /** The share of the picture's area that the boxes have; null without boxes. */
  readonly S: number | null
  readonly tags: Readonly<Record<string, string>>
  /** What is right, of a question answered by yes or no. */
  readonly yesNo: 'yes' | 'no' | null
  /** The attention ratio of each layer, if a row had it. */
  ratios: readonly (number | null)[] | null
}

export interface WayResults {
  readonly way: Way
  readonly name: string
  /** By the question's id. */
  readonly answers: ReadonlyMap<string, Answered>
}

export interface Answered {
  readonly score: Score
  readonly crop: Box | null
  readonly cropReason: Row['cropReason']
  readonly localisation: Localisation | null
  readonly timings: Row['timings']
}

export interface Failure {
  readonly id: string
  readonly way: string
  readonly error: string
}

/** A results folder, as its reader gives it. */
export interface ResultsFolder {
  readonly rows: AsyncIterable<Row>
  readonly failed: Iterable<FailedRow>
  readonly runs: ReadonlyMap<string, Provenance>
}

export interface Gathered {
  readonly experiments: readonly Experiment[]
  /** What is in none of them, each a sentence. */
  readonly notes: readonly string[]
}

/**
 * Sorts rows into experiments and scores each anew from question and answer.
 *
 * @throws an error of one sentence for a row whose run or benchmark is not known
 */
export async function gather(folder: ResultsFolder, scorer: ScorerName): Promise<Gathered> {
  const kept = new Map<string, Gathering | null>()
  const byRun = new Map<string, Gathering | null>()
  const place = (row: FailedRow | Row): Gathering | null => {
    let at = byRun.get(row.run)
    if (at !== undefined) return at
    const run = runOf(row, folder.runs)
    const key = experimentKey(run)
    at = kept.get(key)
    if (at === undefined) at = start(run, findBenchmark(row.benchmark), scorer)
    kept.set(key, at)
    byRun.set(row.run, at)
    return at
  }
  const notes = new Set<string>()
  for await (const row of folder.rows) {
    const at = place(row)
    if (at !== null) add(at, row)
    else notes.add(`${row.benchmark}: the paper's code has no score for it, so it is left out.`)
  }
  for (const row of folder.failed) {
    const failure = { id: row.question.id, way: wayName(row.way), error: row.error }
    // Where a question ended its workers, none was there to say how it ran.
    if (folder.runs.has(row.run)) place(row)?.failed.push(failure)
    else notes.add(`${row.benchmark}, ${row.model}: ${failureText(failure)}`)
  }
  const experiments = [...kept.values()].flatMap(at => (at === null ? [] : [finish(at)]))
  return { experiments: experiments.sort(compareExperiments), notes: [...notes] }
}

/** As a note has it. */
export const failureText = ({ id, way, error }: Failure): string => `Failed: ${id}, ${way}: ${error}`

/** By which rows are told apart: of two editions of a benchmark, two models of one name, and all settings. */
export const experimentKey = ({ benchmark, model, settings }: Provenance): string =>
  JSON.stringify([model.hash, describeSettings(settings), benchmark.name, benchmark.hash])

/** The run that made a row. @throws an error of one sentence if there is none */
export function runOf({ run, key }: FailedRow | Row, runs: ReadonlyMap<string, Provenance>): Provenance {
  const found = runs.get(run)
  if (found !== undefined) return found
  throw new Error(`row ${key.slice(0, 8)} is of run ${run}: runs/${run}.json is not there. Copy it too.`)
}

/** What was set, in words. */
export const describeSettings = ({ dtype, prompt, maxNewTokens, fit, maxPixels }: Settings): string =>
  [
    dtype,
    `${prompt} prompt`,
    `at most ${maxNewTokens} tokens`,
    ...(fit === undefined ? [] : [`fit ${fit}`]),
    ...(maxPixels === undefined ? [] : [`at most ${maxPixels} pixels`]),
  ].join(', ')

interface Gathering {
  readonly run: Provenance
  readonly benchmark: Benchmark
  readonly scorer: ScorerName
  readonly score: Scorer
  readonly questions: Map<string, AskedQuestion>
  readonly ways: Map<string, { readonly way: Way; readonly answers: Map<string, Answered> }>
  readonly failed: Failure[]
}

/** null where the benchmark has no such score. */
function start(run: Provenance, benchmark: Benchmark, scorer: ScorerName): Gathering | null {
  const score = benchmark.scorers[scorer]
  if (score === null) return null
  return { run, benchmark, scorer, score, questions: new Map(), ways: new Map(), failed: [] }
}

function add({ score, questions, ways }: Gathering, row: Row): void {
  const { question, way, answer, crop, cropReason, localisation, timings, ratios } = row
  let asked = questions.get(question.id)
  if (asked === undefined) {
    asked = askedQuestion(row)
    questions.set(question.id, asked)
  }
  if (ratios !== undefined) asked.ratios = ratios
  const key = wayKey(way)
  let results = ways.get(key)
  if (results === undefined) {
    results = { way, answers: new Map() }
    ways.set(key, results)
  }
  results.answers.set(question.id, {
    score: score(question, answer),
    crop,
    cropReason,
    localisation,
    timings,
  })
}

function askedQuestion({ question: { boxes, tags, expected }, image }: Row): AskedQuestion {
  const area = boxes.reduce((sum, { width, height }) => sum + width * height, 0)
  return {
    S: boxes.length === 0 ? null : area / (image.width * image.height),
    tags,
    yesNo: expected.type === 'yes-no' ? expected.answer : null,
    ratios: null,
  }
}

function finish({ run, benchmark, scorer, questions, ways, failed }: Gathering): Experiment {
  const { model, settings } = run
  const named = [...ways.values()].map(results => ({ ...results, name: wayName(results.way) }))
  return {
    key: experimentKey(run),
    benchmark,
    scorer,
    model,
    settings,
    edition: run.benchmark.hash,
    questions,
    ways: named.sort((a, b) => compareWays(a.way, b.way)),
    failed,
  }
}

/** Experiments that are alike, together. */
export function experimentsBy(
  experiments: readonly Experiment[],
  likeness: (experiment: Experiment) => string,
): Experiment[][] {
  const alike = new Map<string, Experiment[]>()
  for (const experiment of experiments) {
    const key = likeness(experiment)
    alike.set(key, [...(alike.get(key) ?? []), experiment])
  }
  return [...alike.values()]
}

/** By model, then as the settings sort, then as the paper has its benchmarks. */
const compareExperiments = (a: Experiment, b: Experiment): number =>
  a.model.name.localeCompare(b.model.name, 'en') ||
  a.model.hash.localeCompare(b.model.hash, 'en') ||
  dtypes.indexOf(a.settings.dtype) - dtypes.indexOf(b.settings.dtype) ||
  describeSettings(a.settings).localeCompare(describeSettings(b.settings), 'en') ||
  benchmarks.indexOf(a.benchmark) - benchmarks.indexOf(b.benchmark)

const dtypes: readonly Settings['dtype'][] = ['f32', 'f16', 'q8', 'q4']
