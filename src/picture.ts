import pLimit from 'p-limit'
import { type CropChoice, type ImportanceMap, type NoCropReason, selectCrop } from './crop/select.ts'
import { Context, type ProbeOptions } from './decode/context.ts'
import { greedy } from './decode/greedy.ts'
import type { Prompt } from './decode/prompt.ts'
import { type Box, cropImage, type Image } from './image/image.ts'
import { type Looker, type Method, mapMethods, methodsWithTarget, parseMethod } from './importance/method.ts'
import { type EncodedImage, encodeImage, type Mllm, promptFor } from './mllm.ts'

/** The paper's q': what the model attends to when asked for nothing in particular. */
const generalQuestion = 'Write a general description of the image.'

/** The paper's limit for an answer, in tokens. */
const defaultMaxNewTokens = 20

/** Longer than any model's context, short enough to be tokenized at once. In characters. */
const maxQuestionLength = 1 << 17

export interface LookOptions {
  /** How to find where to look; `none` answers from the whole picture alone. Default: rel-att. */
  readonly method?: Method
  /** Layers, counted from 0, whose maps are averaged. Default: the model's. */
  readonly layers?: readonly number[]
  /**
   * What a method with gradients explains: a token's id, or an answer, whose first token it is. Default: the likeliest
   * token.
   */
  readonly target?: number | string
  /** Where to crop, in source pixels, or `auto` to let the method find it. Default: auto. */
  readonly crop?: Box | 'auto'
  readonly signal?: AbortSignal
  /** Called when a stage starts. */
  readonly onProgress?: (stage: Stage) => void
}

export type Stage = 'plain answer' | 'map' | 'crop answer'

export interface AskOptions extends LookOptions {
  /** Default: 20, as in the paper. */
  readonly maxNewTokens?: number
  /**
   * Called with each piece of text as it is generated; the pieces of each answer make up that answer. Where there is no
   * crop, `answer` is the plain answer and has no pieces.
   */
  readonly onText?: (piece: { readonly of: 'plainAnswer' | 'answer'; readonly text: string }) => void
}

/** Why there is no crop. */
export type CropReason = NoCropReason | 'method none'

export interface Look {
  readonly model: string
  readonly question: string
  readonly method: Method
  readonly image: { readonly width: number; readonly height: number }
  /** In source pixels, or null with `cropReason`. */
  readonly crop: Box | null
  readonly cropReason: CropReason | null
  /** null where no map was needed: method `none`, or a crop given. */
  readonly importance: ImportanceMap | null
  readonly layers: readonly number[]
  /** The id of the token asked for as target; null: the likeliest, if the method has one. */
  readonly target: number | null
  /** Milliseconds. */
  readonly timings: Readonly<Record<string, number>>
}

type Facts = Pick<Look, 'model' | 'question' | 'method' | 'image' | 'layers' | 'target'>

export interface Answer extends Look {
  /** From the picture and the crop; the plain answer where there is no crop. */
  readonly answer: string
  /** From the picture alone. */
  readonly plainAnswer: string
}

/**
 * A picture that was encoded once and can be asked many questions. All prompts about it go on from one cached
 * prefix; questions asked at the same time wait for each other.
 */
export class Picture {
  readonly image: Image
  readonly #mllm: Mllm
  readonly #encoded: EncodedImage
  readonly #encodeMs: number
  readonly #context: Context
  readonly #inTurn = pLimit(1)
  /** Attention under the general prompt by layer. */
  readonly #general = new Map<number, Float32Array>()

  private constructor(mllm: Mllm, image: Image, encoded: EncodedImage, encodeMs: number) {
    this.image = image
    this.#mllm = mllm
    this.#encoded = encoded
    this.#encodeMs = encodeMs
    this.#context = new Context(mllm.decoder)
  }

  static async see(mllm: Mllm, image: Image, signal?: AbortSignal): Promise<Picture> {
    signal?.throwIfAborted()
    const start = performance.now()
    const encoded = await encodeImage(mllm, image, signal)
    return new Picture(mllm, image, encoded, performance.now() - start)
  }

  /** The map and the crop for a question, without an answer. */
  look(question: string, options: LookOptions = {}): Promise<Look> {
    return this.#inTurn(async () => {
      const facts = this.#check(question, options)
      const timer = startTimer({ encodeMs: this.#encodeMs })
      const seen = await this.#look(facts, options, timer)
      return { ...seen, timings: timer.finish() }
    })
  }

  /** The plain answer, where to look, and the answer from picture and crop. */
  ask(question: string, options: AskOptions = {}): Promise<Answer> {
    return this.#inTurn(async () => {
      const facts = this.#check(question, options)
      checkCount(options.maxNewTokens)
      const timer = startTimer({ encodeMs: this.#encodeMs })
      options.onProgress?.('plain answer')
      const prompt = promptFor(this.#mllm, question, [this.#encoded])
      const plainAnswer = await timer.time('plainAnswerMs', () =>
        this.#answer(prompt, 'plainAnswer', options),
      )
      const seen = await this.#look(facts, options, timer)
      const answer =
        seen.crop === null ? plainAnswer : await this.#answerFromCrop(question, seen.crop, options, timer)
      return { ...seen, answer, plainAnswer, timings: timer.finish() }
    })
  }

  /**
   * Gives the cache's memory back once the questions asked so far are answered. The picture can still be asked; its
   * prefix is then computed anew.
   */
  release(): void {
    void this.#inTurn(() => {
      this.#context.clear()
      this.#general.clear()
    })
  }

  [Symbol.dispose](): void {
    this.release()
  }

  /** What is asked and how, checked before anything is computed. */
  #check(question: string, options: LookOptions): Facts {
    options.signal?.throwIfAborted()
    checkQuestion(question)
    const method = parseMethod(options.method ?? 'rel-att')
    const layers = checkLayers(options.layers ?? this.#mllm.layers, this.#mllm.model.language.layers)
    if (options.crop !== undefined && options.crop !== 'auto') checkCrop(options.crop, this.image)
    const target = checkTarget(options.target, method, this.#mllm)
    const { width, height } = this.image
    return { model: this.#mllm.name, question, method, layers, target, image: { width, height } }
  }

  async #look(facts: Facts, options: LookOptions, timer: Timer): Promise<Omit<Look, 'timings'>> {
    const { method } = facts
    const { crop = 'auto' } = options
    if (crop !== 'auto') return { ...facts, crop, cropReason: null, importance: null }
    if (method === 'none') return { ...facts, crop: null, cropReason: 'method none', importance: null }
    options.onProgress?.('map')
    const looker = this.#looker(facts, options.signal)
    const values = await timer.time('mapMs', () => mapMethods[method](looker, facts.layers))
    const importance = { ...this.#encoded.geometry.grid, values, geometry: this.#encoded.geometry }
    const choice: CropChoice = selectCrop(importance, this.#mllm.model.inputSize)
    return { ...facts, crop: choice.crop, cropReason: choice.reason, importance }
  }

  #looker({ question, target }: Facts, signal: AbortSignal | undefined): Looker {
    return {
      read: (reading, layers) => this.#read(question, layers, { reading, target, signal }),
      generalAttention: async layers => {
        const missing = layers.filter(layer => !this.#general.has(layer))
        if (missing.length > 0) {
          const maps = await this.#read(generalQuestion, missing, { signal })
          for (const [i, layer] of missing.entries()) this.#general.set(layer, maps[i] as Float32Array)
        }
        return layers.map(layer => this.#general.get(layer) as Float32Array)
      },
    }
  }

  /** What is read of the starting answer token at the picture's cells: [L][N]. */
  async #read(question: string, layers: readonly number[], options: ProbeOptions): Promise<Float32Array[]> {
    const prompt = promptFor(this.#mllm, question, [this.#encoded])
    await this.#context.hold(prompt.slice(0, -1), options.signal)
    const rows = await this.#context.probe(prompt.at(-1) as Prompt[number], layers, options)
    const { rows: down, columns } = this.#encoded.geometry.grid
    const first = prompt.indexOf(this.#encoded.rows[this.#mllm.model.vision.firstCell] as Prompt[number])
    return rows.map(row => row.slice(first, first + down * columns))
  }

  async #answerFromCrop(question: string, crop: Box, options: AskOptions, timer: Timer): Promise<string> {
    options.onProgress?.('crop answer')
    const region = cropImage(this.image, crop)
    const encoded = await timer.time('encodeCropMs', () => encodeImage(this.#mllm, region, options.signal))
    const prompt = promptFor(this.#mllm, question, [this.#encoded, encoded])
    return timer.time('answerMs', () => this.#answer(prompt, 'answer', options))
  }

  async #answer(prompt: Prompt, of: 'plainAnswer' | 'answer', options: AskOptions): Promise<string> {
    const { tokenizer, endTokenIds, model } = this.#mllm
    const { maxNewTokens = defaultMaxNewTokens, signal, onText } = options
    const { maxPositions } = model.language
    const tokens: number[] = []
    const give = inPieces(text => onText?.({ of, text }))
    const limits = { maxNewTokens, endTokenIds, maxPositions, ...(signal === undefined ? {} : { signal }) }
    for await (const token of greedy(this.#context, prompt, limits)) {
      tokens.push(token)
      // The spaces around an answer are not part of it, and the last ones may be of what follows.
      if (onText !== undefined) give(tokenizer.decodeSettled(tokens).trim())
    }
    const answer = tokenizer.decode(tokens).trim()
    give(answer)
    return answer
  }
}

/** Takes a text that grows and gives what is new of it. */
function inPieces(give: (piece: string) => void): (text: string) => void {
  let given = ''
  return text => {
    if (text.length <= given.length) return
    give(text.slice(given.length))
    given = text
  }
}

/** @throws for a question that is empty or longer than any model takes */
export function checkQuestion(question: string): void {
  if (question.trim() === '') throw new Error('the question is empty. Ask something about the picture.')
  if (question.length > maxQuestionLength) {
    throw new Error(
      `the question has ${question.length} characters, at most ${maxQuestionLength} are taken. Ask a shorter one.`,
    )
  }
}

function checkCount(maxNewTokens = defaultMaxNewTokens): void {
  if (Number.isInteger(maxNewTokens) && maxNewTokens > 0) return
  throw new Error(`maxNewTokens: expected a whole number from 1 on, found ${maxNewTokens}.`)
}

function checkLayers(layers: readonly number[], count: number): readonly number[] {
  const wrong = layers.find(layer => !Number.isInteger(layer) || layer < 0 || layer >= count)
  if (wrong !== undefined)
    throw new Error(`layer ${wrong}: the model has layers 0 to ${count - 1}. Name some of these.`)
  if (layers.length === 0) throw new Error(`no layers given: name at least one of 0 to ${count - 1}`)
  return layers
}

function checkTarget(
  target: number | string | undefined,
  method: Method,
  { tokenizer, model }: Mllm,
): number | null {
  if (target === undefined) return null
  if (!methodsWithTarget.includes(method)) {
    throw new Error(
      `method ${method} has no target; with one: ${methodsWithTarget.join(', ')}. Leave the target out.`,
    )
  }
  const id = typeof target === 'number' ? target : tokenizer.encode(target, { bare: true })[0]
  const { vocabularySize } = model.language
  if (id !== undefined && Number.isInteger(id) && id >= 0 && id < vocabularySize) return id
  throw new Error(
    `target ${JSON.stringify(target)} is no token of the model. Give a word, or an id from 0 to ${vocabularySize - 1}.`,
  )
}

function checkCrop(crop: Box, image: Image): void {
  const { x, y, width, height } = crop
  const whole = [x, y, width, height].every(Number.isInteger)
  const inside = x >= 0 && y >= 0 && x + width <= image.width && y + height <= image.height
  if (whole && inside && width > 0 && height > 0) return
  const size = `the ${image.width}x${image.height} picture`
  throw new Error(
    `crop ${x},${y},${width},${height} is not a box of whole pixels inside ${size}. Give x,y,width,height.`,
  )
}

interface Timer {
  time<T>(name: string, work: () => Promise<T>): Promise<T>
  finish(): Readonly<Record<string, number>>
}

function startTimer(before: Readonly<Record<string, number>>): Timer {
  const start = performance.now()
  const timings: Record<string, number> = { ...before }
  return {
    async time(name, work) {
      const from = performance.now()
      const result = await work()
      timings[name] = performance.now() - from
      return result
    },
    finish: () => ({ ...timings, totalMs: performance.now() - start }),
  }
}
