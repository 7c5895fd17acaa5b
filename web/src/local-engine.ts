import type { Device } from '../../src/web.ts'
import type { Call, Calls, FromWorker, News, ToWorker } from './calls.ts'
import type { Engine, Picture } from './engine.ts'

/** Opens the demo model in a worker: all is computed in the browser, and nothing leaves it. */
export async function openLocal(
  device: Device,
  onShare: (share: number) => void,
  signal: AbortSignal,
): Promise<Engine> {
  const worker = connect(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }))
  signal.addEventListener('abort', worker.end)
  const model = new URL('model/', document.baseURI).href
  const { layerCount } = await worker.call('open', { model, device }, signal, ({ progress }) => {
    if (progress !== undefined) onShare(progress.doneBytes / progress.totalBytes)
  })
  let seen: { readonly picture: Picture; readonly seeing: Promise<null> } | null = null
  const see = (picture: Picture): Promise<null> => {
    // Whoever asked first may leave, and the picture is still wanted.
    const seeing =
      seen?.picture === picture
        ? seen.seeing
        : worker.call('see', { image: picture.image }, new AbortController().signal)
    seen = { picture, seeing }
    return seeing
  }
  return {
    model: 'demo',
    layerCount,
    sends: false,
    async ask(picture, question, how, { signal, onStage, onPlainText }) {
      onStage?.('looking at the picture')
      await see(picture)
      let plain = ''
      return worker.call('ask', { question, how }, signal, ({ stage, plainText }) => {
        if (stage !== undefined) onStage?.(stages[stage])
        if (plainText !== undefined) {
          plain += plainText
          onPlainText?.(plain)
        }
      })
    },
    async layerMaps(picture, question, method, signal) {
      await see(picture)
      return worker.call('layerMaps', { question, method }, signal)
    },
    close: worker.end,
  }
}

const stages = {
  'plain answer': 'answering from the whole picture',
  map: 'finding where it looks',
  'crop answer': 'answering with the crop',
}

interface Connected {
  call<C extends Call>(
    call: C,
    input: Calls[C]['input'],
    signal: AbortSignal,
    onNews?: (news: News) => void,
  ): Promise<Calls[C]['output']>
  end(): void
}

/** Calls to a worker, by number. */
function connect(worker: Worker): Connected {
  const waiting = new Map<number, (message: FromWorker) => void>()
  let calls = 0
  const send = (message: ToWorker): void => worker.postMessage(message)
  const failAll = (error: string): void => {
    for (const [id, settle] of waiting) settle({ id, error })
  }
  worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => waiting.get(data.id)?.(data))
  worker.addEventListener('error', event => failAll(event.message || 'the worker cannot be started'))
  return {
    call: (call, input, signal, onNews) =>
      new Promise((resolve, reject) => {
        const id = ++calls
        const abort = (): void => {
          send({ id, abort: true })
          settle(() => reject(signal.reason))
        }
        const settle = (end: () => void): void => {
          waiting.delete(id)
          signal.removeEventListener('abort', abort)
          end()
        }
        if (signal.aborted) return reject(signal.reason)
        signal.addEventListener('abort', abort)
        waiting.set(id, message => {
          if ('news' in message) onNews?.(message.news)
          else if ('error' in message) settle(() => reject(new Error(message.error)))
          else settle(() => resolve(message.output as Calls[typeof call]['output']))
        })
        send({ id, call, input })
      }),
    end: () => worker.terminate(),
  }
}
