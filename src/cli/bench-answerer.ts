import { answererAt } from '../bench/run/answerer-node.ts'
import type { Answerer } from '../bench/run/ask-in-ways.ts'

/** From the environment alone, so that it is in no list of processes, and in no run's description. */
export const answererKey = (): string | null => process.env.VICROP_ANSWERER_KEY || null

export const answererBy = (url: string, model: string): Answerer =>
  answererAt({ url, model, key: answererKey() })
