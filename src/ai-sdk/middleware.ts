import type { SharedV3Warning } from '@ai-sdk/provider'
import { encodePng } from '../image/decode-node.ts'
import { showCrop } from '../image/show.ts'
import type { LookOptions } from '../options.ts'
import type { Picture } from '../picture.ts'
import { lookMetadata, type NoLook, type VicropLook } from './metadata.ts'
import type { Models } from './models.ts'
import { readLookOptions } from './options.ts'
import { dataLike, fileOf, type Message, type Part, partsOf, picturesOf, textOf } from './prompt.ts'

type Urls = Record<string, RegExp[]>

/** A call, as much of it as AI SDK 6 and 7 have in common; likewise its result. */
interface Call {
  prompt: Message[]
  providerOptions?: Record<string, object>
  abortSignal?: AbortSignal
}

interface Ending {
  providerMetadata?: Record<string, object>
}

/** Middleware for `wrapLanguageModel` of AI SDK 6 and 7: adds to each picture of the question the crop that a local model finds. */
export interface CropMiddleware {
  readonly specificationVersion: 'v3'
  /** Pictures are downloaded by the SDK, as they are to be looked at. */
  overrideSupportedUrls(of: { model: { supportedUrls: Urls | PromiseLike<Urls> } }): Promise<Urls>
  transformParams<P extends Call>(of: { params: P }): Promise<P>
  wrapGenerate<R extends Ending & { warnings: object[] }>(of: {
    doGenerate: () => PromiseLike<R>
    params: object
  }): Promise<R>
  wrapStream<P extends { type: string }, R extends { stream: ReadableStream<P> }>(of: {
    doStream: () => PromiseLike<R>
    params: object
  }): Promise<R>
}

/**
 * @param modelId the model that looks
 * @param always how it looks; `providerOptions.vicrop` of a call goes before
 */
export function cropMiddleware(modelId: string, models: Models, always: LookOptions): CropMiddleware {
  /** What was seen for the parameters of a call. */
  const seen = new WeakMap<object, readonly VicropLook[]>()
  const looksOf = (params: object): readonly VicropLook[] => seen.get(params) ?? []
  return {
    specificationVersion: 'v3',
    async overrideSupportedUrls({ model }) {
      const all = Object.entries(await model.supportedUrls)
      return Object.fromEntries(all.filter(([mediaType]) => !/^(image|\*)/.test(mediaType)))
    },
    async transformParams({ params }) {
      const options = { ...always, ...readLookOptions(params.providerOptions?.vicrop) }
      const look = (picture: Part, question: string): Promise<Looked> =>
        lookAt(picture, question, { modelId, models, options, signal: params.abortSignal })
      const { prompt, looks } = await withCrops(params.prompt, look)
      const changed = { ...params, prompt }
      seen.set(changed, looks)
      return changed
    },
    async wrapGenerate({ doGenerate, params }) {
      const result = await doGenerate()
      const looks = looksOf(params)
      return {
        ...result,
        ...withLooks(result, looks),
        warnings: [...result.warnings, ...warningsOf(looks)],
      }
    },
    async wrapStream({ doStream, params }) {
      const result = await doStream()
      const looks = looksOf(params)
      return { ...result, stream: result.stream.pipeThrough(addingLooks(looks)) }
    },
  }
}

/** A look at a picture, and the crop as PNG. */
interface Looked {
  readonly look: VicropLook
  readonly crop: Uint8Array | null
}

interface LookWith {
  readonly modelId: string
  readonly models: Models
  readonly options: LookOptions
  readonly signal: AbortSignal | undefined
}

/** The crop, unless there is none; a failure is no reason not to ask the other model. */
async function lookAt(
  picture: Part,
  question: string,
  { modelId, models, options, signal }: LookWith,
): Promise<Looked> {
  const { method, crop: given } = options
  if (question.trim() === '') return noLook('no question')
  if (method === 'none' && typeof given !== 'object') return noLook('method none')
  try {
    const wanted = { modelId, files: [fileOf(picture)], method, signal }
    return await models.use(wanted, async pictures => {
      const [seen] = pictures as [Picture]
      const look = await seen.look(question, { ...options, ...(signal && { signal }) })
      const crop = look.crop === null ? null : await encodePng(showCrop(seen.image, look.crop))
      return { look: lookMetadata(look), crop }
    })
  } catch (error) {
    signal?.throwIfAborted()
    return noLook('look failed', { problem: error instanceof Error ? error.message : String(error) })
  }
}

const noLook = (cropReason: NoLook['cropReason'], more: Pick<NoLook, 'problem'> = {}): Looked => ({
  look: { crop: null, cropReason, ...more },
  crop: null,
})

/**
 * The prompt with a crop right behind each picture of the user's last message. Where that has none, the crop of the newest
 * picture before stands at its start: so all that came before stays as it was, and with it what the model's server has
 * cached.
 */
async function withCrops(
  prompt: readonly Message[],
  look: (picture: Part, question: string) => Promise<Looked>,
): Promise<{ prompt: Message[]; looks: VicropLook[] }> {
  const at = prompt.findLastIndex(({ role }) => role === 'user')
  const asked = prompt[at]
  if (asked === undefined) return { prompt: [...prompt], looks: [] }
  const before = prompt.slice(0, at).flatMap(picturesOf).slice(-1)
  const own = picturesOf(asked)
  const looks: VicropLook[] = []
  const cropOf = async (picture: Part): Promise<Part[]> => {
    const { look: found, crop } = await look(picture, textOf(asked))
    looks.push(found)
    return crop === null ? [] : [{ type: 'file', mediaType: 'image/png', data: dataLike(picture, crop) }]
  }
  const content: Part[] = []
  for (const picture of own.length === 0 ? before : []) content.push(...(await cropOf(picture)))
  for (const part of partsOf(asked)) content.push(part, ...(own.includes(part) ? await cropOf(part) : []))
  return { prompt: prompt.with(at, { ...asked, content }), looks }
}

const withLooks = ({ providerMetadata }: Ending, looks: readonly VicropLook[]): Ending => ({
  providerMetadata: { ...providerMetadata, vicrop: { looks } },
})

const warningsOf = (looks: readonly VicropLook[]): SharedV3Warning[] =>
  looks.flatMap(look =>
    'problem' in look ? [{ type: 'other', message: `vicrop added no crop: ${look.problem}` } as const] : [],
  )

function addingLooks<P extends { type: string }>(looks: readonly VicropLook[]): TransformStream<P, P> {
  return new TransformStream({
    transform(part, controller) {
      const { warnings = [] } = part as { warnings?: SharedV3Warning[] }
      if (part.type === 'finish') controller.enqueue({ ...part, ...withLooks(part as Ending, looks) })
      else if (part.type === 'stream-start')
        controller.enqueue({ ...part, warnings: [...warnings, ...warningsOf(looks)] })
      else controller.enqueue(part)
    },
  })
}
