import { computed, effect, signal } from '@preact/signals'
import { decodeImage } from '../../src/image/decode-web.ts'
import type { Answer, Box, ImportanceMap, Method } from '../../src/web.ts'
import type { Engine, How, LayerMethod, Picture } from './engine.ts'
import type { Example } from './examples.ts'
import { engine, openedEngine, openProblem } from './model.ts'

/** A question, and what was found. */
export interface Asked {
  readonly question: string
  readonly how: How
  readonly found: Answer<string | null>
  /** The map of each layer by the method, once they are there. */
  readonly layerMaps: readonly ImportanceMap[] | null
  /** The answer with a crop of one's own. */
  readonly tried: Answer<string | null> | null
}

/** What is being done. */
export interface Work {
  readonly question: string
  readonly stage: string
  /** The plain answer as far as it is known. */
  readonly plainText: string
}

export const picture = signal<Picture | null>(null)
/** More questions to ask about it, where it is an example. */
export const suggestions = signal<readonly string[]>([])
export const question = signal('')
export const method = signal<Method>('rel-att')
/** The one layer that is looked at; null: those that the model looks with by itself. */
export const layer = signal<number | null>(null)
export const opacity = signal(0.9)

export const asked = signal<readonly Asked[]>([])
const shownIndex = signal(0)
export const shown = computed(() => asked.value[shownIndex.value] ?? null)
export const work = signal<Work | null>(null)
const askProblem = signal<string | null>(null)
export const problem = computed(() => askProblem.value ?? openProblem.value)

/** Where the frame is while it is dragged; null: where it was found, or tried. */
export const frame = signal<Box | null>(null)
export const crop = computed(() => frame.value ?? shown.value?.tried?.crop ?? shown.value?.found.crop ?? null)

/** The map that is drawn: that of the layer chosen, as soon as it is known, or else that of the answer. */
export const map = computed((): ImportanceMap | null => {
  const { found, how, layerMaps } = shown.value ?? {}
  const ofLayer = layer.value === null || how?.method !== method.value ? null : layerMaps?.[layer.value]
  return ofLayer ?? found?.importance ?? null
})

let working = new AbortController()

function stopWorking(): void {
  working.abort()
  work.value = null
}

/** What another model has answered is not what this one would. What is asked before there is one waits for it. */
effect(() => {
  if (engine.value !== null) return
  stopWorking()
  asked.value = []
})

/** Counts what was chosen, as the last choice counts, not that which is read last. */
let choices = 0

/** @returns whether it is shown: it is none where it cannot be read, or where another was chosen meanwhile */
export async function showPicture(file: Blob, name: string): Promise<boolean> {
  const choice = ++choices
  try {
    const image = await decodeImage(file)
    if (choice !== choices) return false
    stopWorking()
    askProblem.value = null
    picture.value = { name, file, image }
    asked.value = []
    frame.value = null
    suggestions.value = []
    return true
  } catch (error) {
    askProblem.value = (error as Error).message
    return false
  }
}

export async function showExample({ name, url, questions }: Example): Promise<void> {
  const file = await fetch(url).then(response => response.blob())
  if (!(await showPicture(file, name))) return
  suggestions.value = questions
  await ask(questions[0])
}

/** Does one thing at a time: what is begun takes the place of what was going on. */
async function begin(
  about: string,
  job: (engine: Engine, seen: Picture, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const seen = picture.value
  if (seen === null) return
  working.abort()
  working = new AbortController()
  const { signal } = working
  askProblem.value = null
  work.value = { question: about, stage: engine.value === null ? 'waiting for the model' : '', plainText: '' }
  try {
    await job(await openedEngine(signal), seen, signal)
  } catch (error) {
    // What is wrong with the model is said until one is open.
    if (!signal.aborted && openProblem.value === null) askProblem.value = (error as Error).message
  }
  if (!signal.aborted) work.value = null
}

const hooks = (signal: AbortSignal) => ({
  signal,
  onStage: (stage: string): void => note(signal, { stage }),
  onPlainText: (plainText: string): void => note(signal, { plainText }),
})

function note(signal: AbortSignal, news: Partial<Work>): void {
  if (!signal.aborted && work.value !== null) work.value = { ...work.value, ...news }
}

const howNow = (): How => ({
  method: method.value,
  ...(layer.value !== null && readsLayers(method.value) && { layers: [layer.value] }),
})

export const readsLayers = (of: Method): of is LayerMethod => of === 'rel-att' || of === 'grad-att'

/** Asks, or asks again with what has been set since. */
export function ask(text: string): Promise<void> {
  question.value = text
  return begin(text, async (engine, seen, signal) => {
    const how = howNow()
    const found = await engine.ask(seen, text, how, hooks(signal))
    signal.throwIfAborted()
    const known = asked.value.findIndex(one => one.question === text)
    const before = asked.value[known]
    const layerMaps = before?.how.method === how.method ? before.layerMaps : null
    const entry: Asked = { question: text, how, found, layerMaps, tried: null }
    const index = known === -1 ? asked.value.length : known
    asked.value = [...asked.value.slice(0, index), entry, ...asked.value.slice(index + 1)]
    shownIndex.value = index
    frame.value = null
    if (layerMaps === null && readsLayers(how.method))
      void bringLayerMaps(engine, seen, text, how.method, signal)
  })
}

/** What the layer slider shows at once; without it the page shows each layer's map when it has been asked for. */
async function bringLayerMaps(
  engine: Engine,
  seen: Picture,
  text: string,
  by: LayerMethod,
  signal: AbortSignal,
): Promise<void> {
  const layerMaps = await engine.layerMaps(seen, text, by, signal).catch(() => null)
  if (signal.aborted || layerMaps === null) return
  asked.value = asked.value.map(one => (one.question === text ? { ...one, layerMaps } : one))
}

/** Asks the shown question again, with what has been set since. */
export function askAgain(): void {
  if (shown.value !== null) void ask(shown.value.question)
}

/** Asks the shown question with a crop of one's own. */
export function tryCrop(box: Box): Promise<void> {
  const entry = shown.value
  if (entry === null) return Promise.resolve()
  frame.value = box
  return begin(entry.question, async (engine, seen, signal) => {
    const how = { method: entry.how.method, crop: box, plain: false }
    const tried = await engine.ask(seen, entry.question, how, hooks(signal))
    signal.throwIfAborted()
    asked.value = asked.value.map(one => (one.question === entry.question ? { ...one, tried } : one))
    frame.value = null
  })
}

/** Back to the crop that was found. */
export function forgetTried(): void {
  stopWorking()
  frame.value = null
  asked.value = asked.value.map(one => (one === shown.value ? { ...one, tried: null } : one))
}

export function show(one: Asked): void {
  stopWorking()
  frame.value = null
  shownIndex.value = asked.value.indexOf(one)
  question.value = one.question
  method.value = one.how.method
  layer.value = one.how.layers?.[0] ?? null
}
