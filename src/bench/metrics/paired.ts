import { randomNumbers } from '../random.ts'

// Two ways to answer the same questions, compared question by question: far sharper than two means side by side. V*
// has 191 questions, so an unpaired share is uncertain by seven percentage points.

/** What each of two ways scored on the questions that both were scored on, in the first one's order. */
export interface Pairs {
  readonly first: readonly number[]
  readonly second: readonly number[]
}

/**
 * Pairs scores by question. A question that only one way answered, or that does not count, is left out.
 *
 * @param first,second by the question's id
 */
export function pairScores(
  first: ReadonlyMap<string, number | null>,
  second: ReadonlyMap<string, number | null>,
): Pairs {
  const both = [...first].flatMap(([id, one]) => {
    const other = second.get(id) ?? null
    return one === null || other === null ? [] : [[one, other] as const]
  })
  return { first: both.map(([one]) => one), second: both.map(([, other]) => other) }
}

export interface PairedDifference {
  /** By how much the second way is better: mean of the differences. NaN without pairs, like the interval. */
  readonly difference: number
  /** The confidence interval of it. */
  readonly low: number
  readonly high: number
  /** On how many questions the second way scored more, and less. */
  readonly won: number
  readonly lost: number
  /** McNemar's exact test of these; of graded scores it is the sign test. */
  readonly p: number
}

export interface BootstrapOptions {
  readonly seed?: number
  readonly resamples?: number
  /** How often the interval should hold the true difference. */
  readonly confidence?: number
}

/**
 * The difference between two ways, with the percentile interval of a paired bootstrap: questions are drawn with
 * replacement, and of each drawn question both scores are taken. The same seed gives the same interval.
 */
export function pairedDifference(
  { first, second }: Pairs,
  { seed = 1, resamples = 5000, confidence = 0.95 }: BootstrapOptions = {},
): PairedDifference {
  if (first.length !== second.length)
    throw new RangeError(
      `pairs: ${first.length} first scores, ${second.length} second ones: pair them by question`,
    )
  const differences = Float64Array.from(first, (one, i) => (second[i] as number) - one)
  const won = differences.filter(difference => difference > 0).length
  const lost = differences.filter(difference => difference < 0).length
  const means = resampledMeans(differences, resamples, seed)
  const tail = (1 - confidence) / 2
  return {
    difference: meanOf(differences),
    low: quantile(means, tail),
    high: quantile(means, 1 - tail),
    won,
    lost,
    p: mcnemar(won, lost),
  }
}

const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** In rising order. */
function resampledMeans(values: Float64Array, resamples: number, seed: number): Float64Array {
  const random = randomNumbers(seed)
  const count = values.length
  return Float64Array.from({ length: resamples }, () => {
    let sum = 0
    for (let i = 0; i < count; i++) sum += values[Math.floor(random() * count)] as number
    return sum / count
  }).sort()
}

/** The value below which a share of sorted values lies, linear between neighbours. */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1)
  const [below, above] = [sorted[Math.floor(at)] as number, sorted[Math.ceil(at)] as number]
  return below + (at - Math.floor(at)) * (above - below)
}

/**
 * McNemar's exact test of a paired difference: the probability, if neither way is better, of a split of the
 * discordant pairs at least as uneven as this one (two-sided, binomial with one half).
 */
export function mcnemar(won: number, lost: number): number {
  const pairs = won + lost
  const fewer = Math.min(won, lost)
  // In logarithms: one half to the power of a thousand pairs is too small for a number.
  let log = -pairs * Math.LN2
  for (let i = 0; i < fewer; i++) log += Math.log((pairs - i) / (i + 1))
  let [term, tail] = [Math.exp(log), 0]
  for (let i = fewer; i >= 0; i--) {
    tail += term
    term *= i / (pairs - i + 1)
  }
  return Math.min(1, 2 * tail)
}
