import { attention, type Reading } from '../decode/probe.ts'
import { gradientAttention, meanOfLayers } from './gradient-attention.ts'
import { relativeAttention } from './relative-attention.ts'

/** What a method may ask of the model about a picture. All cells are of the picture's map, row by row. */
export interface Looker {
  /** What is read of the starting answer token at each cell, per layer: [L][N]. */
  read(reading: Reading, layers: readonly number[]): Promise<Float32Array[]>
  /** Its attention under the general description prompt, which depends on the picture alone. */
  generalAttention(layers: readonly number[]): Promise<Float32Array[]>
}

export type MapMethod = 'rel-att' | 'grad-att'
export type Method = MapMethod | 'none'

/** Each of the paper's methods, as a map [N] of the layers asked for. */
export const mapMethods: Readonly<
  Record<MapMethod, (looker: Looker, layers: readonly number[]) => Promise<Float32Array>>
> = {
  'rel-att': async (looker, layers) =>
    relativeAttention(await looker.read(attention, layers), await looker.generalAttention(layers)),
  'grad-att': async (looker, layers) => meanOfLayers(await looker.read(gradientAttention, layers)),
}

/** Those whose map explains one token: the likeliest, unless another is asked for. */
export const methodsWithTarget: readonly Method[] = ['grad-att']

export const methods: readonly Method[] = [...(Object.keys(mapMethods) as MapMethod[]), 'none']

/** @throws an error that says which methods there are */
export function parseMethod(text: string): Method {
  const method = methods.find(known => known === text)
  if (method === undefined)
    throw new Error(`method "${text}" is not available; available: ${methods.join(', ')}`)
  return method
}
