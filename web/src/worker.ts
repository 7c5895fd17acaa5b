import { type OpenProgress, type Picture, ViCrop } from '../../src/web.ts'
import type { Call, Calls, FromWorker, News, ToWorker } from './calls.ts'

let vicrop: ViCrop | null = null
let picture: Picture | null = null
const running = new Map<number, AbortController>()

/** What the page may call, one picture at a time. */
const calls: { [C in Call]: (input: Calls[C]['input'], hooks: Hooks) => Promise<Calls[C]['output']> } = {
  async open({ model, device }, { signal, say }) {
    const onProgress = (progress: OpenProgress): void => say({ progress })
    vicrop = await ViCrop.open(new URL(model), { device, signal, onProgress })
    void warmUp(vicrop)
    return { layerCount: vicrop.layerCount }
  },
  async see({ image }, { signal }) {
    picture?.release()
    picture = await opened().see(image, { signal })
    return null
  },
  ask: ({ question, how }, { signal, say }) =>
    seen().ask(question, {
      ...how,
      signal,
      onProgress: stage => say({ stage }),
      onText: ({ of, text }) => of === 'plainAnswer' && say({ plainText: text }),
    }),
  layerMaps: ({ question, method }, { signal }) => {
    const of = method === 'grad-att' ? 'gradientAttention' : 'relativeAttention'
    return seen()[of](question, { layers: 'all', signal })
  },
}

/** Has the runtime make ready what a question needs, while a picture is being chosen. What fails here is said when it is asked. */
async function warmUp(model: ViCrop): Promise<void> {
  const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(128) }
  const warming = await model.see(grey).catch(() => null)
  await warming?.ask('What is this?', { maxNewTokens: 1 }).catch(() => null)
  warming?.release()
}

interface Hooks {
  readonly signal: AbortSignal
  say(news: News): void
}

const opened = (): ViCrop => there(vicrop, 'no model is open')
const seen = (): Picture => there(picture, 'no picture was seen')

function there<T>(value: T | null, problem: string): T {
  if (value === null) throw new Error(problem)
  return value
}

addEventListener('message', async ({ data }: MessageEvent<ToWorker>) => {
  const { id } = data
  if ('abort' in data) return running.get(id)?.abort()
  const ending = new AbortController()
  running.set(id, ending)
  try {
    const hooks: Hooks = { signal: ending.signal, say: news => reply({ id, news }) }
    reply({ id, output: await (calls[data.call] as (...given: unknown[]) => unknown)(data.input, hooks) })
  } catch (error) {
    reply({ id, error: (error as Error).message })
  } finally {
    running.delete(id)
  }
})

const reply = (message: FromWorker): void => postMessage(message)
