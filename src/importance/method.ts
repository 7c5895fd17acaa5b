import { attention, type MapReading } from '../decode/probe.ts'
import { InputError } from '../input-error.ts'
import { gradientAttention, meanOfLayers } from './gradient-attention.ts'
import { type EdgeMedian, type InputGradientVariant, inputGradient } from './input-gradient.ts'
import { relativeAttention } from './relative-attention.ts'

// D levels of detail, each of H x W pixels · L layers asked for · N cells of the map, row by row

/** What a method may ask of the model about a picture, under the question and under the general description prompt. */
export interface Looker {
  /**
   * What is read of the starting answer token at each cell, per layer: [L][N]. Behind a connector that attends to the
   * cells by itself, per pair of a layer and one of the connector's.
   */
  read(reading: MapReading, layers: readonly number[]): Promise<Float32Array[]>
  /** Its attention under the general description prompt, which depends on the picture alone. */
  generalAttention(layers: readonly number[]): Promise<Float32Array[]>
  /** How the log probability of the token explained changes with each normalised pixel of each level: [D] [3,H,W]. */
  pixelGradient(): Promise<readonly Float32Array[]>
  /** That of the likeliest token under the general description prompt. */
  generalPixelGradient(): Promise<readonly Float32Array[]>
  readonly levels: readonly LookerLevel[]
  /** One map [N] of a map of each level. */
  join(maps: readonly Float32Array[]): Float32Array
}

/** The picture as a whole, in more or less detail. */
interface LookerLevel {
  /** 1 at edges of what the model is shown, 0 elsewhere: [H,W]. */
  edges(median: EdgeMedian): Float32Array
  /** W, and the side of a cell. */
  readonly inputWidth: number
  readonly cellPx: number
}

/** Settings that some methods have. */
export interface MethodOptions {
  readonly layers: readonly number[]
  readonly variant: InputGradientVariant
}

export type MapMethod = 'rel-att' | 'grad-att' | 'pure-grad'
export type Method = MapMethod | 'none'

interface MapMethodTraits {
  /** The map [N]. */
  map(looker: Looker, options: MethodOptions): Promise<Float32Array>
  readonly readsLayers: boolean
  /** Whether the map explains one token: the likeliest, unless another is asked for. */
  readonly hasTarget: boolean
  readonly hasVariants: boolean
  /** How far it goes back through the whole prompt: to the pixels, to a connector that attends to them, or not at all. */
  readonly backTo: 'pixels' | 'connector' | null
}

/** Each of the paper's methods. */
export const mapMethods: Readonly<Record<MapMethod, MapMethodTraits>> = {
  'rel-att': {
    map: async (looker, { layers }) =>
      relativeAttention(await looker.read(attention, layers), await looker.generalAttention(layers)),
    readsLayers: true,
    hasTarget: false,
    hasVariants: false,
    backTo: null,
  },
  'grad-att': {
    map: async (looker, { layers }) => meanOfLayers(await looker.read(gradientAttention, layers)),
    readsLayers: true,
    hasTarget: true,
    hasVariants: false,
    backTo: 'connector',
  },
  'pure-grad': {
    map: async (looker, { variant }) => {
      const isPaper = variant === 'paper'
      const gradients = await looker.pixelGradient()
      const general = isPaper ? null : await looker.generalPixelGradient()
      const maps = looker.levels.map((level, i) => {
        const [own, base] = [gradients[i] as Float32Array, general?.[i] ?? null]
        return inputGradient(own, base, level.edges(isPaper ? 3 : 7), level.inputWidth, level.cellPx)
      })
      return looker.join(maps)
    },
    readsLayers: false,
    hasTarget: true,
    hasVariants: true,
    backTo: 'pixels',
  },
}

export const methods: readonly Method[] = [...(Object.keys(mapMethods) as MapMethod[]), 'none']

/** A setting that some methods have and others refuse. */
export type Setting = 'readsLayers' | 'hasTarget' | 'hasVariants'

export const methodsThat = (setting: Setting): readonly Method[] =>
  methods.filter(method => method !== 'none' && mapMethods[method][setting])

/** @throws an error that says which methods there are */
export function parseMethod(text: string): Method {
  const method = methods.find(known => known === text)
  if (method === undefined)
    throw new InputError(`method "${text}" is not available; available: ${methods.join(', ')}`)
  return method
}
