import type { Answer, Device, Image, ImportanceMap, OpenProgress, Stage } from '../../src/web.ts'
import type { How, LayerMethod } from './engine.ts'

// What the page and its worker say to each other.

export interface Calls {
  readonly open: {
    readonly input: { readonly model: string; readonly device: Device }
    readonly output: { readonly layerCount: number }
  }
  readonly see: { readonly input: { readonly image: Image }; readonly output: null }
  readonly ask: {
    readonly input: { readonly question: string; readonly how: How }
    readonly output: Answer<string | null>
  }
  readonly layerMaps: {
    readonly input: { readonly question: string; readonly method: LayerMethod }
    readonly output: readonly ImportanceMap[]
  }
}

export type Call = keyof Calls

export type ToWorker =
  | { readonly id: number; readonly call: Call; readonly input: Calls[Call]['input'] }
  | { readonly id: number; readonly abort: true }

/** What happens during a call. */
export interface News {
  readonly progress?: OpenProgress
  readonly stage?: Stage
  readonly plainText?: string
}

export type FromWorker =
  | { readonly id: number; readonly news: News }
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: string }
