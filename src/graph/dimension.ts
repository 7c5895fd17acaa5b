/**
 * The size of one axis: a whole number, or a polynomial in named sizes, written canonically
 * ("S", "P+S", "577*B", "S-1"). Two dimensions are equal exactly when they are `===`.
 */
export type Dimension = number | string

export type Shape = readonly Dimension[]

/** Monomial ("" for the constant, "B*S") -> coefficient. */
type Polynomial = ReadonlyMap<string, number>

export function addDimensions(a: Dimension, b: Dimension): Dimension {
  if (typeof a === 'number' && typeof b === 'number') return a + b
  const sum = new Map(parse(a))
  for (const [monomial, coefficient] of parse(b)) sum.set(monomial, (sum.get(monomial) ?? 0) + coefficient)
  return format(sum)
}

export function multiplyDimensions(a: Dimension, b: Dimension): Dimension {
  if (typeof a === 'number' && typeof b === 'number') return a * b
  const product = new Map<string, number>()
  for (const [left, x] of parse(a)) {
    for (const [right, y] of parse(b)) {
      const monomial = [...names(left), ...names(right)].sort().join('*')
      product.set(monomial, (product.get(monomial) ?? 0) + x * y)
    }
  }
  return format(product)
}

/** Number of elements of a shape. */
export const sizeOf = (shape: Shape): Dimension => shape.reduce<Dimension>(multiplyDimensions, 1)

export const formatShape = (shape: Shape): string => `[${shape.join(',')}]`

export const sameShape = (a: Shape, b: Shape): boolean =>
  a.length === b.length && a.every((dimension, axis) => dimension === b[axis])

/** The number that a dimension has under given values of its names; throws on a name without one. */
export function evaluateDimension(dimension: Dimension, sizes: Readonly<Record<string, number>>): number {
  let total = 0
  for (const [monomial, coefficient] of parse(dimension)) {
    total += names(monomial).reduce((product, name) => product * sizeNamed(name, sizes), coefficient)
  }
  return total
}

function sizeNamed(name: string, sizes: Readonly<Record<string, number>>): number {
  const size = sizes[name]
  if (size === undefined)
    throw new Error(`dimension "${name}" has no size; known: ${Object.keys(sizes).join(', ')}`)
  return size
}

const names = (monomial: string): string[] => (monomial === '' ? [] : monomial.split('*'))

function parse(dimension: Dimension): Polynomial {
  if (typeof dimension === 'number') return new Map([['', dimension]])
  const terms = dimension.match(/[+-]?[^+-]+/g) ?? []
  return new Map(terms.map(parseTerm))
}

function parseTerm(term: string): [monomial: string, coefficient: number] {
  const sign = term.startsWith('-') ? -1 : 1
  const factors = term.replace(/^[+-]/, '').split('*')
  const leading = Number(factors[0])
  return Number.isNaN(leading) ? [factors.join('*'), sign] : [factors.slice(1).join('*'), sign * leading]
}

function format(polynomial: Polynomial): Dimension {
  const terms = [...polynomial].filter(([, coefficient]) => coefficient !== 0)
  if (terms.every(([monomial]) => monomial === '')) return terms[0]?.[1] ?? 0
  terms.sort(([a], [b]) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1))
  return terms.map(formatTerm).join('').replace(/^\+/, '')
}

function formatTerm([monomial, coefficient]: [string, number]): string {
  const sign = coefficient < 0 ? '-' : '+'
  const size = Math.abs(coefficient)
  if (monomial === '') return `${sign}${size}`
  return size === 1 ? `${sign}${monomial}` : `${sign}${size}*${monomial}`
}
