import type { CropBy, Way } from '../row.ts'

// What ways are called, and in which order they stand.

/** As the paper calls them; what no paper has comes last. */
export const cropByNames: Readonly<Record<CropBy, string>> = {
  none: 'no crop',
  'rel-att': 'rel-att',
  'grad-att': 'grad-att',
  'pure-grad': 'pure-grad',
  human: 'human crop',
  random: 'random crop',
  centre: 'centre crop',
}

const order = Object.keys(cropByNames) as CropBy[]

/** One text for each way, however it is spelled. */
export const wayKey = (way: Way): string => {
  const { method, layers, connectorLayers, variant = 'paper', highRes = 'auto', seed = 1, answerer } = way
  return JSON.stringify([answerer ?? null, method, variant, layers, connectorLayers, highRes, seed])
}

/** As a table calls it. */
export function wayName({ method, layers, connectorLayers, variant, highRes, seed, answerer }: Way): string {
  return [
    cropByNames[method],
    ...(variant === 'code' ? ['code'] : []),
    ...(layers === undefined ? [] : [layersName(layers, 'layer')]),
    ...(connectorLayers === undefined ? [] : [layersName(connectorLayers, 'connector layer')]),
    ...(highRes === undefined ? [] : [`high-res ${highRes}`]),
    ...(seed === undefined || seed === 1 ? [] : [`seed ${seed}`]),
    ...(answerer === undefined ? [] : [`answered by ${answerer}`]),
  ].join(', ')
}

const layersName = (layers: readonly number[] | 'all', one: string): string =>
  layers === 'all' ? `all ${one}s` : `${one} ${layers.join('+')}`

/** One of the paper's methods or a control just as it is, whoever answers. */
export const isDefault = ({ layers, connectorLayers, highRes }: Way): boolean =>
  [layers, connectorLayers, highRes].every(setting => setting === undefined)

/** Sorts by method, then by how far a way departs from it; those that another model answers come last. */
export const compareWays = (a: Way, b: Way): number =>
  (a.answerer ?? '').localeCompare(b.answerer ?? '', 'en') ||
  order.indexOf(a.method) - order.indexOf(b.method) ||
  Object.keys(a).length - Object.keys(b).length ||
  wayKey(a).localeCompare(wayKey(b), 'en')
