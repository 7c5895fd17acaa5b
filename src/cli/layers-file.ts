import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Calibration } from '../calibrate.ts'
import type { LayerList } from '../options.ts'
import { unreadable } from '../weights/file-node.ts'
import type { MapFlags } from './options.ts'

/** What `vicrop calibrate --out` writes and `--layers` reads. */
export interface LayersFile extends Calibration {
  readonly model: string
  readonly layerCount: number
}

const layer = z.int().min(0)
const list = z.array(layer).min(1)
const schema = z.object({ layers: list, layerCount: layer, connectorLayers: list.optional() })

/** The layers to read, and those of a connector that attends to the picture; absent: the model's own. */
export interface NamedLayers {
  readonly layers?: LayerList
  readonly connectorLayers?: LayerList
}

/** What `--layers` and `--connector-layers` name; the file of a calibration may say both, and flags go before it. */
export async function namedLayers(
  { layers, connectorLayers }: MapFlags,
  layerCount: number,
): Promise<NamedLayers> {
  const ofFlag = connectorLayers && { connectorLayers }
  if (layers === undefined) return { ...ofFlag }
  if (layers === 'all' || !('file' in layers)) return { layers, ...ofFlag }
  return { ...(await readLayersFile(layers.file, layerCount)), ...ofFlag }
}

/**
 * @param layerCount how many layers the model has
 * @throws an error that names the file: not one of these, or made for another model
 */
async function readLayersFile(
  path: string,
  layerCount: number,
): Promise<Pick<Calibration, 'layers' | 'connectorLayers'>> {
  const text = await readFile(path, 'utf8').catch(error => {
    throw unreadable(path, error)
  })
  const read = schema.safeParse(parse(text))
  if (!read.success) throw new Error(`${path}: is not what "vicrop calibrate --out" writes.`)
  const { layers, connectorLayers, layerCount: made } = read.data
  if (made !== layerCount) {
    throw new Error(
      `${path}: was made for a model of ${made} layers, this one has ${layerCount}. Calibrate this one.`,
    )
  }
  return { layers, ...(connectorLayers && { connectorLayers }) }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
