import { InvalidArgumentError } from 'commander'
import type { KnownModel } from '../bench/run/facts-node.ts'
import type { CropBy, Way } from '../bench/run/row.ts'
import { type Method, methodsThat } from '../importance/method.ts'
import type { LayerList } from '../options.ts'
import { namedLayers } from './layers-file.ts'
import type { MapFlags } from './options.ts'

export interface WayFlags extends MapFlags {
  readonly methods: readonly CropBy[]
  readonly seed: number
  readonly answererModel?: string
}

const controls: readonly CropBy[] = ['human', 'random', 'centre']
const methods: readonly CropBy[] = ['none', 'rel-att', 'grad-att', 'pure-grad', ...controls]

/** "none,rel-att", of what can be asked of a model and of the controls. */
export function parseMethods(text: string): readonly CropBy[] {
  const names = [...new Set(text.split(',').map(name => name.trim()))]
  const unknown = names.find(name => !methods.includes(name as CropBy))
  if (unknown === undefined) return names as CropBy[]
  throw new Error(`method "${unknown}" is not available; available: ${methods.join(', ')}`)
}

/** Each method with what the flags say of it; what they do not say is not in it. */
export async function waysOf(flags: WayFlags, model: KnownModel): Promise<Way[]> {
  const { methods, seed, highRes, variant, answererModel } = flags
  const { layers, connectorLayers } = await layersOf(flags, model)
  return methods.map(method => {
    const has = (setting: Parameters<typeof methodsThat>[0]): boolean =>
      methodsThat(setting).includes(method as Method)
    const makesMap = method !== 'none' && !controls.includes(method)
    return {
      method,
      ...(has('readsLayers') && layers && { layers }),
      ...(has('readsLayers') && connectorLayers && { connectorLayers }),
      ...(has('hasVariants') && variant === 'code' && { variant }),
      ...(makesMap && highRes !== 'auto' && { highRes }),
      ...(method === 'random' && { seed }),
      ...(answererModel !== undefined && { answerer: answererModel }),
    }
  })
}

async function layersOf(
  flags: WayFlags,
  { layerCount, connectorLayerCount }: KnownModel,
): Promise<Pick<Way, 'layers' | 'connectorLayers'>> {
  const { layers, connectorLayers } = await namedLayers(flags, layerCount)
  requireLayers('--layers', layers, layerCount)
  requireLayers('--connector-layers', connectorLayers, connectorLayerCount)
  return { ...(layers && { layers }), ...(connectorLayers && { connectorLayers }) }
}

function requireLayers(option: string, layers: LayerList | undefined, count: number): void {
  if (layers === undefined || (layers === 'all' && count > 0)) return
  const wrong = layers === 'all' ? 'all' : layers.find(layer => layer >= count)
  if (wrong === undefined) return
  const found = count === 0 ? 'has none that attend to the picture' : `has layers 0 to ${count - 1}`
  throw new InvalidArgumentError(`${option} ${wrong}: this model ${found}. Name others, or leave them out.`)
}
