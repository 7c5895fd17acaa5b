export type { Benchmark, Scorer, ScorerName, Source } from './benchmark.ts'
export { centreCrop, humanCrop, squareAt } from './crops.ts'
export { anls } from './metrics/anls.ts'
export { directAnswer, exactMatch } from './metrics/exact-match.ts'
export { coverage, isPointedAt, localisation } from './metrics/localisation.ts'
export { readOption } from './metrics/options.ts'
export {
  type BootstrapOptions,
  mcnemar,
  type PairedDifference,
  type Pairs,
  pairedDifference,
  pairScores,
} from './metrics/paired.ts'
export { normaliseTextVqa, normaliseVqa, vqaAccuracy } from './metrics/vqa-accuracy.ts'
export { readYesNo, type YesNoFigures, yesNoFigures } from './metrics/yes-no.ts'
export type { Expected, ImageReference, Localisation, Problem, Question, Score, YesNo } from './question.ts'
export { randomNumbers } from './random.ts'
export { type ImagesFound, type OpenBenchmark, openBenchmark } from './read-node.ts'
export { benchmarks, findBenchmark } from './registry.ts'
export { readFailed, readRows, readRuns } from './results-node.ts'
export type { CropBy, FailedRow, ModelFacts, Provenance, Row, Settings, StoredMap, Way } from './row.ts'
export { sampleById } from './sample.ts'
export { meanScore } from './scoring.ts'
