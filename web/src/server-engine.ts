import type { Answer, ImportanceMap } from '../../src/web.ts'
import type { Engine, Picture } from './engine.ts'

/** What `vicrop serve` says of itself at `server.json`; a site without a server has null there. */
export interface ServerFacts {
  readonly layerCount: number
  readonly needsKey: boolean
}

export async function findServer(): Promise<ServerFacts | null> {
  const response = await fetch(new URL('server.json', document.baseURI))
  return response.ok ? response.json() : null
}

/** The server that the page comes from. Pictures are sent to it. */
export async function openServer({ layerCount }: ServerFacts, key: string): Promise<Engine> {
  const call = caller(key)
  const { data } = (await call('models')) as { data: readonly { id: string }[] }
  const model = data[0]?.id ?? ''
  return {
    model,
    layerCount,
    sends: true,
    async ask(picture, question, how, { signal, onStage }) {
      onStage?.('the server is looking')
      const url = await dataUrl(picture)
      const content = [
        { type: 'text', text: question },
        { type: 'image_url', image_url: { url } },
      ]
      const body = { model, messages: [{ role: 'user', content }], vicrop: { ...how, map: 'values' } }
      return answerOf(question, (await call('chat/completions', body, signal)) as Completion)
    },
    async layerMaps(picture, question, method, signal) {
      const body = { model, question, method, image: await dataUrl(picture), map: false, layerMaps: true }
      const { layerMaps } = (await call('look', body, signal)) as { layerMaps: readonly PlainMap[] }
      return layerMaps.map(mapOf)
    },
    close: () => {},
  }
}

type PlainMap = Omit<ImportanceMap, 'values'> & { readonly values: readonly number[] }

/** A response, as far as it is read here. */
interface Completion {
  readonly model: string
  readonly choices: readonly [
    { readonly message: { readonly content: string }; readonly finish_reason: 'stop' | 'length' },
  ]
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number }
  readonly vicrop: Omit<
    Answer<string | null>,
    'importance' | 'model' | 'question' | 'answer' | 'usage' | 'finishReason'
  > & { readonly importance: PlainMap | null }
}

/** A response as the library would have said it. */
function answerOf(question: string, { model, choices, usage, vicrop }: Completion): Answer<string | null> {
  const [{ message, finish_reason }] = choices
  return {
    ...vicrop,
    model,
    question,
    answer: message.content,
    finishReason: finish_reason,
    usage: { promptTokens: usage.prompt_tokens, answerTokens: usage.completion_tokens },
    importance: vicrop.importance && mapOf(vicrop.importance),
  }
}

const mapOf = (map: PlainMap): ImportanceMap => ({ ...map, values: Float32Array.from(map.values) })

/** The file as it is; a picture is sent with each question, and the server knows it again. */
const dataUrl = ({ file }: Picture): Promise<string> =>
  new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.addEventListener('load', () => resolve(reader.result as string))
    reader.addEventListener('error', () => reject(reader.error))
    reader.readAsDataURL(file)
  })

const caller = (key: string) => async (path: string, body?: object, signal?: AbortSignal) => {
  const response = await fetch(new URL(`v1/${path}`, document.baseURI), {
    headers: {
      ...(key !== '' && { authorization: `Bearer ${key}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
    ...(signal && { signal }),
  })
  const said: unknown = await response.json().catch(() => null)
  if (response.ok) return said
  if (response.status === 401) throw new Error('the server does not know this API key; give another.')
  const { error } = (said ?? {}) as { error?: { message?: string } }
  throw new Error(error?.message ?? `the server answers ${response.status}`)
}
