import type { BackwardOptions } from '../backward.ts'
import { InputError } from '../input-error.ts'
import type { LanguageModel, Prompt } from '../models/model.ts'
import {
  float32Value,
  floats,
  int32Value,
  int64Value,
  type Session,
  type Value,
  type Values,
} from '../onnx/session.ts'
import { LayerInputs } from './layer-inputs.ts'
import { attention, type Reading } from './probe.ts'
import { commonPrefix } from './prompt.ts'
import type { DecoderSessions } from './sessions.ts'

// n cached positions · P places in the cache · S new positions · C width · K key/value heads · D head size · V vocabulary

export interface ProbeOptions {
  /** Default: the attention, heads averaged. */
  readonly reading?: Reading
  /** The token that a gradient is taken of; null: the likeliest. */
  readonly target?: number | null
  readonly signal?: AbortSignal | undefined
}

/**
 * Places are added in steps of this many, so that a growing answer does not copy the cache at every token; 64 of them have
 * 67 MB in a model of 7 billion weights.
 */
const placeStep = 64

/**
 * One key/value cache and the prompt it holds. A prompt that shares its start with the one before costs only the
 * rest: the cache is wound back to the common prefix and extended from there. So a picture is prefilled once, however
 * many prompts go on from it. The decoder writes into the cache in place; use a context for one prompt at a time.
 */
export class Context {
  readonly #sessions: DecoderSessions
  readonly #language: LanguageModel
  #held: Prompt = []
  #places = 0
  /** Keys and values of every layer by the names of the graph's inputs: "key.0", "value.0", ... each [1,K,P,D]. */
  #cache: Record<string, Value> = {}
  /** The inputs of the layers at the cached positions; null: not kept. */
  #layerInputs: LayerInputs | null = null

  constructor(sessions: DecoderSessions) {
    this.#sessions = sessions
    this.#language = sessions.language
  }

  /** Positions in the cache. */
  get length(): number {
    return this.#held.length
  }

  /** Bytes of keys and values held, and of the layers' inputs. */
  get bytes(): number {
    const cached = Object.values(this.#cache).reduce((sum, value) => sum + value.data.byteLength, 0)
    return cached + (this.#layerInputs?.bytes ?? 0)
  }

  /** From now on keeps the layers' inputs too, which `inputGradient` needs; what is held without them is forgotten. */
  keepLayerInputs(): void {
    if (this.#layerInputs !== null) return
    this.clear()
    this.#layerInputs = new LayerInputs(this.#language)
  }

  /** Makes the cache hold exactly this prompt. */
  async hold(prompt: Prompt, signal?: AbortSignal): Promise<void> {
    const kept = commonPrefix(this.#held, prompt)
    if (kept < prompt.length) await this.#extend(kept, prompt.slice(kept), signal)
    else this.#held = prompt
  }

  /** Extends the prompt: logits [V] of its last position, from which the next token is chosen. */
  append(rest: Prompt, signal?: AbortSignal): Promise<Float32Array> {
    return this.#extend(this.length, rest, signal)
  }

  /** Puts `rest` where `start` is, in as many pieces as the device needs. */
  async #extend(start: number, rest: Prompt, signal?: AbortSignal): Promise<Float32Array> {
    this.#requireRoom(start + rest.length)
    const atOnce = await this.#sessions.positionsAtOnce()
    let [from, left] = [start, rest]
    for (; left.length > atOnce; from += atOnce, left = left.slice(atOnce))
      await this.#decode(from, left.slice(0, atOnce), signal)
    return this.#decode(from, left, signal)
  }

  /** What was held from `start` on is lost no sooner than the decoder writes over it. */
  async #decode(start: number, rest: Prompt, signal?: AbortSignal): Promise<Float32Array> {
    const end = start + rest.length
    const prompt = [...this.#held.slice(0, start), ...rest]
    const inputs = await this.#embed(prompt, start, signal)
    const step = rest.length === 1 ? await this.#sessions.step() : null
    const session = step ?? (await this.#sessions.decode({ hidden: this.#layerInputs !== null }))
    signal?.throwIfAborted()
    this.#grow(end)
    const cache = this.#cache
    this.#held = prompt.slice(0, start)
    const place = {
      length: int64Value([start]),
      last_position: int32Value([end - 1]),
      total_length: int32Value([end], []),
    }
    const into = this.#layerInputs?.keep(start, inputs.inputs_embeds)
    const cacheOut = step === null ? outputsOver(cache) : {}
    const outputs = await session.run({ ...inputs, ...cache, ...place }, { ...cacheOut, ...into })
    if (this.#cache !== cache) throw new Error('context: cleared while in use. Wait for its answers first.')
    if (step !== null) putRows(outputs, cache, start)
    this.#held = prompt
    return floats(outputs, 'logits')
  }

  /**
   * What is read of the position after the cached ones, without caching it.
   * @returns for each layer asked for a row over all n + 1 positions: its attention, unless another reading is asked for
   */
  async probe(
    next: Prompt[number],
    layers: readonly number[],
    options: ProbeOptions = {},
  ): Promise<Float32Array[]> {
    const { reading = attention, target = null, signal } = options
    this.#requireRoom(this.length + 1)
    const session = await this.#sessions.probe(reading, layers, target === null ? 'likeliest' : 'fed')
    signal?.throwIfAborted()
    this.#grow(this.length + 1)
    const feeds = {
      ...(await this.#embed([...this.#held, next], this.length, signal)),
      ...this.#cache,
      length: int64Value([this.length]),
      target: int64Value([target ?? 0]),
    }
    const rows = floats(await session.run(feeds), 'attentions')
    const width = this.length + 1
    return Array.from({ length: rows.length / width }, (_, i) => rows.subarray(i * width, (i + 1) * width))
  }

  /**
   * What reaches the rows of the prompt held [S,C] of the log probability of the token that follows it: the target, or
   * the likeliest. Only after `keepLayerInputs`.
   */
  async inputGradient(options: BackwardOptions & Pick<ProbeOptions, 'target'> = {}): Promise<Float32Array> {
    const { target = null } = options
    if (this.#layerInputs === null)
      throw new Error(
        'context: the inputs of the layers were not kept. Ask for them before the prompt is held.',
      )
    const { length } = this
    const feeds = {
      ...this.#layerInputs.first(length),
      ...this.#cache,
      ...this.#rotary(this.#held, 0),
      length: int64Value([length]),
      target: int64Value([target ?? 0]),
    }
    const backward = this.#sessions.backward(target === null ? 'likeliest' : 'fed')
    return backward.run(feeds, float32Value(Float32Array.of(1), [1, 1]), options)
  }

  /** Gives the cache's memory back; the context can be used again and starts from nothing. */
  clear(): void {
    this.#held = []
    this.#places = 0
    this.#cache = {}
    this.#layerInputs = null
  }

  #requireRoom(positions: number): void {
    const { maxPositions } = this.#language
    if (positions <= maxPositions) return
    throw new InputError(
      `prompt: ${positions} positions, the model has room for ${maxPositions}. Ask a shorter question.`,
    )
  }

  #grow(positions: number): void {
    if (positions <= this.#places) return
    const places = Math.ceil(positions / placeStep) * placeStep
    const { kvHeads, headSize } = this.#language.cache
    const names = Array.from({ length: this.#language.layers }, (_, i) => [`key.${i}`, `value.${i}`]).flat()
    this.#cache = Object.fromEntries(
      names.map(name => {
        const grown = new Float32Array(kvHeads * places * headSize)
        const old = this.#cache[name]
        if (old !== undefined) copyHeads(old.data as Float32Array, grown, kvHeads, this.length * headSize)
        return [name, float32Value(grown, [1, kvHeads, places, headSize])]
      }),
    )
    this.#layerInputs?.grow(places, this.length)
    this.#places = places
  }

  /** The inputs that both graphs share, from `start` on: `inputs_embeds` [S,C], `cos` and `sin` [S,1,D]. */
  async #embed(
    prompt: Prompt,
    start: number,
    signal?: AbortSignal,
  ): Promise<Record<'inputs_embeds' | 'cos' | 'sin', Value>> {
    const rest = prompt.slice(start)
    const embeds = await embedPrompt(rest, await this.#sessions.embed(), this.#language, signal)
    return {
      inputs_embeds: float32Value(embeds, [rest.length, this.#language.hiddenSize]),
      ...this.#rotary(prompt, start),
    }
  }

  #rotary(prompt: Prompt, start: number): Record<'cos' | 'sin', Value> {
    const { cos, sin } = this.#language.rotaryTables(prompt, start)
    const shape = [prompt.length - start, 1, this.#language.headSize]
    return { cos: float32Value(cos, shape), sin: float32Value(sin, shape) }
  }
}

const outputsOver = (cache: Readonly<Record<string, Value>>): Record<string, Value> =>
  Object.fromEntries(Object.entries(cache).map(([name, value]) => [`${name}.out`, value]))

/** Copies the first `used` numbers of every head from one cache into a larger one. */
function copyHeads(from: Float32Array, to: Float32Array, heads: number, used: number): void {
  for (let head = 0; head < heads; head++) {
    const source = (from.length / heads) * head
    to.set(from.subarray(source, source + used), (to.length / heads) * head)
  }
}

/** Puts the keys and values of one position, [K,1,D] each, into a cache. */
function putRows(rows: Values, cache: Values, at: number): void {
  for (const [name, { data, shape }] of Object.entries(cache)) {
    const [, heads, places, size] = shape as [number, number, number, number]
    const row = floats(rows, `${name}.row`)
    for (let head = 0; head < heads; head++)
      (data as Float32Array).set(row.subarray(head * size, (head + 1) * size), (head * places + at) * size)
  }
}

/** Rows [S,C] of a prompt: token embeddings, and pictures' features as they are. */
async function embedPrompt(
  prompt: Prompt,
  embed: Session,
  language: LanguageModel,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { hiddenSize: width } = language
  const ids = prompt.filter(position => typeof position === 'number')
  requireKnown(ids, language.vocabularySize)
  signal?.throwIfAborted()
  const tokens =
    ids.length === 0
      ? new Float32Array()
      : floats(await embed.run({ input_ids: int64Value(ids) }), 'inputs_embeds')
  const rows = new Float32Array(prompt.length * width)
  let token = 0
  prompt.forEach((position, i) => {
    const [data, row] =
      typeof position === 'number' ? [tokens, token++] : [position.features.data, position.row]
    rows.set(data.subarray(row * width, (row + 1) * width), i * width)
  })
  return rows
}

function requireKnown(ids: readonly number[], vocabularySize: number): void {
  const unknown = ids.find(id => !(Number.isInteger(id) && id >= 0 && id < vocabularySize))
  if (unknown === undefined) return
  throw new Error(
    `token ${unknown} is outside the vocabulary of ${vocabularySize}. Do tokenizer.json and config.json belong together?`,
  )
}
