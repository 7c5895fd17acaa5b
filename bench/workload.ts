import type { AskOptions, Image } from 'vicrop'

/** What the benchmarks ask: the same in every one of them. */

/** A short answer, as the paper's prompt asks for, in tokens. */
export const maxNewTokens = 3

export const questions = [
  'What is the number of the bus?',
  'What colour is the door?',
  'What does the sign say?',
  'Is there a dog?',
  'How many windows are there?',
] as const

/** Coloured squares, no two alike, so that a map has something to prefer. */
export function patchwork(side: number): Image {
  const square = side / 16
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => {
    const [channel, x, y] = [i % 3, Math.floor(i / 3) % side, Math.floor(i / 3 / side)]
    const nth = Math.floor(y / square) * 16 + Math.floor(x / square)
    return (nth * [37, 101, 193][channel]!) % 256
  })
  return { width: side, height: side, data }
}

/** How a model finds a crop by itself. */
export const looks = {
  'rel-att': { method: 'rel-att' },
  'grad-att': { method: 'grad-att' },
  'pure-grad, paper': { method: 'pure-grad', variant: 'paper' },
  'pure-grad, code': { method: 'pure-grad', variant: 'code' },
} as const satisfies Record<string, AskOptions>
export type LookName = keyof typeof looks
export const lookNames = Object.keys(looks) as LookName[]
