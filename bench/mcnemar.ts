/**
 * McNemar's exact test of a paired difference: the probability, if neither way is better, of a split of the
 * discordant pairs at least as uneven as this one (two-sided, binomial with one half).
 */
export function mcnemar(won: number, lost: number): number {
  const pairs = won + lost
  let [term, tail] = [0.5 ** pairs, 0]
  for (let i = 0; i <= Math.min(won, lost); i++) {
    tail += term
    term *= (pairs - i) / (i + 1)
  }
  return Math.min(1, 2 * tail)
}
