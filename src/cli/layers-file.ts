import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Calibration } from '../calibrate.ts'
import { unreadable } from '../weights/file-node.ts'

/** What `vicrop calibrate --out` writes and `--layers` reads. */
export interface LayersFile extends Calibration {
  readonly model: string
  readonly layerCount: number
}

const layer = z.int().min(0)
const list = z.array(layer).min(1)
const schema = z.object({ layers: list, layerCount: layer, connectorLayers: list.optional() })

/** The layers to read, and those of the connector where the model's has any. */
export type ReadLayers = Pick<Calibration, 'layers' | 'connectorLayers'>

/**
 * @param layerCount how many layers the model has
 * @throws an error that names the file: not one of these, or made for another model
 */
export async function readLayersFile(path: string, layerCount: number): Promise<ReadLayers> {
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
