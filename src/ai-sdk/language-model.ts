import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3GenerateResult,
  LanguageModelV3StreamPart,
  SharedV3Warning,
} from '@ai-sdk/provider'
import type { AskOptions } from '../options.ts'
import type { Answer, Picture } from '../picture.ts'
import { optionError, promptError } from './errors.ts'
import { answerMetadata, asJson } from './metadata.ts'
import type { Models } from './models.ts'
import { readAskOptions, unsupportedSettings } from './options.ts'
import { type Asked, readPrompt } from './prompt.ts'

/** A model that looks closer where its own attention is, for AI SDK 6 and 7. */
export function languageModel(modelId: string, models: Models): LanguageModelV3 {
  return {
    specificationVersion: 'v3',
    provider: 'vicrop',
    modelId,
    // So the SDK downloads pictures itself.
    supportedUrls: {},
    async doGenerate(options) {
      const call = readCall(options)
      const answer = await answerTo(call, modelId, models)
      const { warnings } = call
      const response = { modelId, timestamp: new Date() }
      return { content: [{ type: 'text', text: answer.answer }], ...endOf(answer), warnings, response }
    },
    async doStream(options) {
      const call = readCall(options)
      return { stream: streamOf(call, modelId, models) }
    },
  }
}

/** A call, checked as far as it can be without the model. */
interface Call {
  readonly prompt: LanguageModelV3CallOptions['prompt']
  readonly asked: Asked
  readonly options: AskOptions
  readonly warnings: SharedV3Warning[]
  readonly signal: AbortSignal | undefined
}

function readCall(call: LanguageModelV3CallOptions): Call {
  const { prompt } = call
  const asked = readPrompt(prompt)
  const { plain = false, ...look } = readAskOptions(call.providerOptions?.vicrop)
  const { maxOutputTokens, abortSignal: signal } = call
  const options = { plain, ...look, ...(maxOutputTokens !== undefined && { maxNewTokens: maxOutputTokens }) }
  const leftOut = asked.leftOut.map(feature => ({
    type: 'unsupported' as const,
    feature,
    details: 'Only the last question is put to the model, with its pictures.',
  }))
  return { prompt, asked, options, warnings: [...unsupportedSettings(call), ...leftOut], signal }
}

/** @throws the errors of the SDK, or the signal's reason */
async function answerTo(
  { prompt, asked, options, signal }: Call,
  modelId: string,
  models: Models,
  onText: (text: string) => void = () => {},
): Promise<Answer<string | null>> {
  const wanted = { modelId, files: asked.files, method: options.method, signal }
  const answering = {
    ...options,
    ...(signal && { signal }),
    onText: ({ of, text }: { of: string; text: string }) => of === 'answer' && onText(text),
  }
  try {
    return await models.use(wanted, pictures => answer(pictures, asked.question, answering))
  } catch (error) {
    signal?.throwIfAborted()
    throw promptError(error, prompt)
  }
}

/** The question has been checked: what is refused before anything is computed is an option. */
async function answer(
  pictures: readonly Picture[],
  question: string,
  options: AskOptions,
): Promise<Answer<string | null>> {
  const [picture, ...others] = pictures as [Picture, ...Picture[]]
  let hasBegun = false
  const onProgress = (): void => {
    hasBegun = true
  }
  return picture.ask(question, { ...options, others, onProgress }).catch(error => {
    throw hasBegun ? error : optionError(error)
  })
}

function endOf(answer: Answer<string | null>) {
  const { promptTokens, answerTokens } = answer.usage
  return {
    finishReason: { unified: answer.finishReason, raw: undefined },
    usage: {
      inputTokens: { total: promptTokens, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: answerTokens, text: answerTokens, reasoning: 0 },
    },
    providerMetadata: { vicrop: asJson(answerMetadata(answer)) },
  } satisfies Pick<LanguageModelV3GenerateResult, 'finishReason' | 'usage' | 'providerMetadata'>
}

/** The answer as it is generated. Who reads it may cancel it. */
function streamOf(call: Call, modelId: string, models: Models): ReadableStream<LanguageModelV3StreamPart> {
  const cancelled = new AbortController()
  const signal = AbortSignal.any([cancelled.signal, ...(call.signal ? [call.signal] : [])])
  return new ReadableStream<LanguageModelV3StreamPart>({
    async start(controller) {
      const give = (part: LanguageModelV3StreamPart): void => controller.enqueue(part)
      try {
        give({ type: 'stream-start', warnings: call.warnings })
        give({ type: 'response-metadata', modelId, timestamp: new Date() })
        const text = textGiver(give)
        const answer = await answerTo({ ...call, signal }, modelId, models, text.add)
        text.end(answer.answer)
        give({ type: 'finish', ...endOf(answer) })
        controller.close()
      } catch (error) {
        if (cancelled.signal.aborted) return
        if (signal.aborted) return controller.error(error)
        give({ type: 'error', error })
        controller.close()
      }
    },
    cancel: reason => cancelled.abort(reason),
  })
}

/** A text in pieces, as parts of a stream. */
function textGiver(give: (part: LanguageModelV3StreamPart) => void) {
  const id = '0'
  let isBegun = false
  const add = (delta: string): void => {
    if (!isBegun) give({ type: 'text-start', id })
    isBegun = true
    give({ type: 'text-delta', id, delta })
  }
  /** Where the plain answer is asked for too, it has no pieces, and may be all there is. */
  const end = (whole: string): void => {
    if (!isBegun && whole !== '') add(whole)
    if (isBegun) give({ type: 'text-end', id })
  }
  return { add, end }
}
